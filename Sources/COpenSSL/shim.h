// OpenSSL's libssl and libcrypto. The inline functions stand in for macros that Swift cannot import;
// each carries the macro's name behind `tern_` and does nothing else.
#ifndef TERN_COPENSSL_SHIM_H
#define TERN_COPENSSL_SHIM_H

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
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

/// No compression, no renegotiation; on a server its own order of suites, save that a client which
/// puts ChaCha20 first (no AES instructions) gets it.
static inline void tern_SSL_CTX_set_strict_options(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
}

// Connections

static inline int tern_SSL_set_tlsext_host_name(SSL *ssl, const char *name) {
    return (int)SSL_set_tlsext_host_name(ssl, name);
}

static inline int tern_SSL_get_extms_support(SSL *ssl) {
    return (int)SSL_get_extms_support(ssl);
}

// BIOs

static inline void tern_BIO_set_retry_read(BIO *bio) {
    BIO_set_retry_read(bio);
}

static inline void tern_BIO_clear_retry_flags(BIO *bio) {
    BIO_clear_retry_flags(bio);
}

// Errors

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
