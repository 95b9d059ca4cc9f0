// OpenSSL's libssl and libcrypto. The inline functions stand in for macros that Swift cannot import;
// each carries the macro's name behind `tern_` and does nothing else.
#ifndef TERN_COPENSSL_SHIM_H
#define TERN_COPENSSL_SHIM_H

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/ocsp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

// Contexts

static inline int tern_SSL_CTX_set_min_proto_version(SSL_CTX *context, int version) {
    return (int)SSL_CTX_set_min_proto_version(context, version);
}

static inline int tern_SSL_CTX_set_max_proto_version(SSL_CTX *context, int version) {
    return (int)SSL_CTX_set_max_proto_version(context, version);
}

static inline void tern_SSL_CTX_set_mode(SSL_CTX *context, long mode) {
    SSL_CTX_set_mode(context, mode);
}

static inline void tern_SSL_CTX_set_session_cache_mode(SSL_CTX *context, long mode) {
    SSL_CTX_set_session_cache_mode(context, mode);
}

static inline int tern_SSL_CTX_set1_groups_list(SSL_CTX *context, const char *groups) {
    return (int)SSL_CTX_set1_groups_list(context, groups);
}

static inline int tern_SSL_CTX_set1_sigalgs(SSL_CTX *context, const char *algorithms) {
    return (int)SSL_CTX_set1_sigalgs_list(context, algorithms);
}

/// No compression, no renegotiation; on a server its own order of suites, save that a client which
/// puts ChaCha20 first (no AES instructions) gets it.
static inline void tern_SSL_CTX_set_strict_options(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
}

static inline void tern_SSL_CTX_set_tlsext_status_cb(SSL_CTX *context, int (*callback)(SSL *, void *)) {
    SSL_CTX_set_tlsext_status_cb(context, callback);
}

static inline void tern_SSL_CTX_set_tlsext_status_arg(SSL_CTX *context, void *argument) {
    SSL_CTX_set_tlsext_status_arg(context, argument);
}

static inline void tern_SSL_CTX_set_tlsext_servername_callback(
    SSL_CTX *context, int (*callback)(SSL *, int *, void *)) {
    SSL_CTX_set_tlsext_servername_callback(context, callback);
}

static inline void tern_SSL_CTX_set_tlsext_servername_arg(SSL_CTX *context, void *argument) {
    SSL_CTX_set_tlsext_servername_arg(context, argument);
}

static inline void tern_SSL_CTX_set_msg_callback_arg(SSL_CTX *context, void *argument) {
    SSL_CTX_set_msg_callback_arg(context, argument);
}

/// No tickets at all: without this, TLS 1.2 would still give one.
static inline void tern_SSL_CTX_set_no_tickets(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
}

static inline int tern_SSL_CTX_get_new_ex_index(void) {
    return SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

static inline int tern_SSL_get_new_ex_index(void) {
    return SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

// Connections

/// Gives a copy of the staple to `ssl`, which frees it.
static inline int tern_SSL_set1_tlsext_status_ocsp_resp(SSL *ssl, const void *bytes, size_t size) {
    unsigned char *copy = OPENSSL_memdup(bytes, size);
    return copy == NULL ? 0 : (int)SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)size);
}

static inline long tern_SSL_get_tlsext_status_ocsp_resp(SSL *ssl, const unsigned char **bytes) {
    return SSL_get_tlsext_status_ocsp_resp(ssl, bytes);
}

static inline int tern_SSL_set_tlsext_status_type(SSL *ssl, int type) {
    return (int)SSL_set_tlsext_status_type(ssl, type);
}

static inline int tern_SSL_get_peer_signature_nid(const SSL *ssl) {
    int nid = 0;
    return SSL_get_peer_signature_type_nid(ssl, &nid) == 1 ? nid : 0;
}

static inline int tern_SSL_set_tlsext_host_name(SSL *ssl, const char *name) {
    return (int)SSL_set_tlsext_host_name(ssl, name);
}

static inline int tern_SSL_get_negotiated_group(SSL *ssl) {
    return (int)SSL_get_negotiated_group(ssl);
}

static inline int tern_SSL_get_extms_support(SSL *ssl) {
    return (int)SSL_get_extms_support(ssl);
}

static inline void tern_SSL_set_app_data(SSL *ssl, void *data) {
    SSL_set_app_data(ssl, data);
}

static inline void *tern_SSL_get_app_data(const SSL *ssl) {
    return SSL_get_app_data(ssl);
}

static inline void tern_SSL_set_msg_callback_arg(SSL *ssl, void *argument) {
    SSL_set_msg_callback_arg(ssl, argument);
}

/// A new key on P-256.
static inline EVP_PKEY *tern_EVP_EC_gen(void) {
    return EVP_EC_gen("P-256");
}

// Names of parameters

static const char *const tern_OSSL_CIPHER_PARAM_AEAD_TAG = OSSL_CIPHER_PARAM_AEAD_TAG;
static const char *const tern_OSSL_KDF_PARAM_DIGEST = OSSL_KDF_PARAM_DIGEST;
static const char *const tern_OSSL_KDF_PARAM_KEY = OSSL_KDF_PARAM_KEY;
static const char *const tern_OSSL_KDF_PARAM_LABEL = OSSL_KDF_PARAM_LABEL;
static const char *const tern_OSSL_KDF_PARAM_MODE = OSSL_KDF_PARAM_MODE;
static const char *const tern_OSSL_KDF_PARAM_PREFIX = OSSL_KDF_PARAM_PREFIX;

/// Keys a MAC context that is HMAC with HMAC-SHA-256. Here, because the parameters hold pointers to their
/// names and values until they have been taken.
static inline int tern_set_HMAC_SHA256_key(EVP_MAC_CTX *mac, const void *key, size_t size) {
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key, size),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, parameters);
}

static inline int tern_SSL_get_peer_signature_digest_nid(SSL *ssl) {
    int nid = 0;
    return SSL_get_peer_signature_nid(ssl, &nid) == 1 ? nid : 0;
}

// Stacks, whose functions are macros over untyped ones

static inline int tern_sk_X509_num(const STACK_OF(X509) *stack) {
    return stack == NULL ? 0 : sk_X509_num(stack);
}

static inline X509 *tern_sk_X509_value(const STACK_OF(X509) *stack, int index) {
    return sk_X509_value(stack, index);
}

static inline int tern_sk_GENERAL_NAME_num(const GENERAL_NAMES *names) {
    return names == NULL ? 0 : sk_GENERAL_NAME_num(names);
}

static inline const GENERAL_NAME *tern_sk_GENERAL_NAME_value(const GENERAL_NAMES *names, int index) {
    return sk_GENERAL_NAME_value(names, index);
}

/// Text of a DNS name or the bytes of an IP address; NULL for other kinds.
static inline const ASN1_STRING *tern_GENERAL_NAME_string(const GENERAL_NAME *name) {
    return name->type == GEN_DNS   ? name->d.dNSName
           : name->type == GEN_IPADD ? name->d.iPAddress
           : name->type == GEN_URI   ? name->d.uniformResourceIdentifier
           : name->type == GEN_EMAIL ? name->d.rfc822Name
                                     : NULL;
}

static inline int tern_GENERAL_NAME_type(const GENERAL_NAME *name) {
    return name->type;
}

static inline int tern_X509_type_id(X509 *certificate) {
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    return key == NULL ? 0 : EVP_PKEY_get_base_id(key);
}

// Certificates

/// How names are written, with letters beyond ASCII as they are.
static const unsigned long tern_XN_FLAG_RFC2253 = XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB;

/// The id of a response, which OCSP_id_get0_info takes without const and does not change.
static inline OCSP_CERTID *tern_OCSP_SINGLERESP_id(const OCSP_SINGLERESP *single) {
    return (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(single);
}

// BIOs


static inline void tern_BIO_set_retry_read(BIO *bio) {
    BIO_set_retry_read(bio);
}

static inline void tern_BIO_clear_retry_flags(BIO *bio) {
    BIO_clear_retry_flags(bio);
}

// Errors

/// Puts an error of ours, a number of the caller's choice, into the queue.
static inline void tern_ERR_raise_own(int reason) {
    ERR_raise(ERR_LIB_USER, reason);
}

static inline int tern_ERR_GET_REASON(unsigned long code) {
    return ERR_GET_REASON(code);
}

static inline int tern_ERR_GET_LIB(unsigned long code) {
    return ERR_GET_LIB(code);
}

/// The alert a peer sent, if that is what `code` stands for; -1 otherwise.
static inline int tern_peer_alert(unsigned long code) {
    int reason = ERR_GET_REASON(code);
    if (ERR_GET_LIB(code) != ERR_LIB_SSL) return -1;
    return reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256
               ? reason - SSL_AD_REASON_OFFSET
               : -1;
}

#endif
