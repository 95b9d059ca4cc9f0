// Stateless tickets under our own keys (RFC 5077, section 4, and RFC 8446, section 4.6.1).
//
// Sealed with AES-256-CBC, then HMAC-SHA-256 over name, IV and ciphertext: OpenSSL's interface has a
// place for a cipher and a MAC and none for an AEAD's tag, and encrypt-then-MAC gives the same. Beside
// the session a ticket carries the terms it was made under: the server name asked for and the rules for
// client certificates. Under other terms it does not resume, and the client makes a full handshake.

internal import Base
internal import COpenSSL

/// What a ticket is bound to, and its number. Travels inside the ticket as 25 bytes.
struct TicketTerms: Equatable {
    static let size = 25
    private static let version: UInt8 = 1

    /// The rules for client certificates: see `ClientAuthorities`.
    var policy: UInt64
    /// The server name's hash.
    var name: UInt64
    /// A random number, for single use.
    var number: UInt64

    /// The terms as they stand in a ticket.
    var bytes: [UInt8] {
        [Self.version]
            + [policy, name, number].flatMap { word in
                (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
            }
    }

    init(policy: UInt64, name: UInt64, number: UInt64) {
        self.policy = policy
        self.name = name
        self.number = number
    }

    /// Nil when the bytes are not such.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.size, bytes[0] == Self.version else { return nil }
        func word(_ offset: Int) -> UInt64 {
            (0..<8).reduce(0) { $0 | UInt64(bytes[offset + $1]) << (8 * UInt64($1)) }
        }
        self.init(policy: word(1), name: word(9), number: word(17))
    }
}

/// Places in OpenSSL's objects where we keep a word of our own.
enum ExtraData {
    /// SSL_CTX: the context, unretained.
    static let context = tern_SSL_CTX_get_new_ex_index()
    /// SSL: the hash of the name the client asked for.
    static let name = tern_SSL_get_new_ex_index()
    /// SSL: the number of the ticket it has used, which a second ClientHello shows again.
    static let ticket = tern_SSL_get_new_ex_index()
    /// SSL of a client: how many tickets came.
    static let ticketCount = tern_SSL_get_new_ex_index()

    static func word(_ ssl: OpaquePointer?, _ index: CInt) -> UInt64 {
        UInt64(UInt(bitPattern: SSL_get_ex_data(ssl, index)))
    }

    static func setWord(_ ssl: OpaquePointer?, _ index: CInt, _ word: UInt64) {
        SSL_set_ex_data(ssl, index, UnsafeMutableRawPointer(bitPattern: UInt(word)))
    }

    /// The context that `ssl` was made from.
    static func context(of ssl: OpaquePointer?) -> TLSContext? {
        SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), context).map {
            Unmanaged<TLSContext>.fromOpaque($0).takeUnretainedValue()
        }
    }
}

extension TLSContext {
    /// Seals and opens tickets with this context's ring. Every connection retains the context.
    func useTickets(_ handle: OpaquePointer) {
        let argument = Unmanaged.passUnretained(self).toOpaque()
        SSL_CTX_set_ex_data(handle, ExtraData.context, argument)
        SSL_CTX_set_tlsext_ticket_key_evp_cb(handle, ternTicketKey)
        SSL_CTX_set_session_ticket_cb(handle, ternSealTicket, ternOpenTicket, argument)
    }

    /// Whether a ticket that opened may resume here; counts why not.
    fileprivate func accepts(_ session: OpaquePointer, in ssl: OpaquePointer) -> Bool {
        guard let tickets else { return false }
        var data: UnsafeMutableRawPointer?
        var size = 0
        guard SSL_SESSION_get0_ticket_appdata(session, &data, &size) == 1,
            let terms = TicketTerms(UnsafeRawBufferPointer(start: data, count: size)),
            terms.policy == clientPolicy, terms.name == ExtraData.word(ssl, ExtraData.name)
        else {
            tickets.count(\.otherTerms)
            return false
        }
        let isOver = tickets.isOver(ageS: tickets.ageS(since: SSL_SESSION_get_time(session)))
        guard !isOver, !Self.isClientExpired(session) else {
            tickets.count(\.expired)
            return false
        }
        let isSame = terms.number == ExtraData.word(ssl, ExtraData.ticket)
        guard isSame || tickets.spend(terms.number) else {
            tickets.count(\.replayed)
            return false
        }
        ExtraData.setWord(ssl, ExtraData.ticket, terms.number)
        if !isSame { tickets.count(\.accepted) }
        return true
    }

    /// Whether the client's certificate, which the ticket carries, has come to its end since.
    private static func isClientExpired(_ session: OpaquePointer) -> Bool {
        guard let peer = SSL_SESSION_get0_peer(session) else { return false }
        return X509_cmp_current_time(X509_get0_notAfter(peer)) < 0
    }
}

/// Sets up cipher and MAC for one ticket. 1: go on; 2: go on and give a new ticket; 0: no such key.
@c func ternTicketKey(
    _ ssl: OpaquePointer?, _ name: UnsafeMutablePointer<UInt8>?,
    _ iv: UnsafeMutablePointer<UInt8>?, _ cipher: OpaquePointer?, _ mac: OpaquePointer?,
    _ isSealing: CInt
) -> CInt {
    guard let tickets = ExtraData.context(of: ssl)?.tickets, let name, let iv, let cipher, let mac
    else { return 0 }
    let nameBytes = UnsafeMutableRawBufferPointer(start: name, count: TicketKey.nameSize)
    guard isSealing == 1 else {
        let found = tickets.openingKey(name: UnsafeRawBufferPointer(nameBytes))
        guard let key = found else { return 0 }
        let bytes = key.cipherKey.assumingMemoryBound(to: UInt8.self)
        let isReady =
            EVP_DecryptInit_ex2(cipher, TicketCipher.cipher, bytes.baseAddress, iv, nil) == 1
            && TicketCipher.setMACKey(key, mac)
        // Each resumption gives a new one, so that clients need not show one twice (RFC 8446, appendix C.4).
        return isReady ? 2 : -1
    }
    guard let key = tickets.sealingKey, RAND_bytes(iv, CInt(EVP_MAX_IV_LENGTH)) == 1 else {
        return 0
    }
    nameBytes.copyMemory(from: key.name)
    let bytes = key.cipherKey.assumingMemoryBound(to: UInt8.self)
    let isReady =
        EVP_EncryptInit_ex2(cipher, TicketCipher.cipher, bytes.baseAddress, iv, nil) == 1
        && TicketCipher.setMACKey(key, mac)
    return isReady ? 1 : -1
}

/// Puts the terms into a ticket that is about to be sealed.
@c func ternSealTicket(_ ssl: OpaquePointer?, _ argument: UnsafeMutableRawPointer?) -> CInt {
    guard let ssl, let argument else { return 0 }
    let context = Unmanaged<TLSContext>.fromOpaque(argument).takeUnretainedValue()
    var number: UInt64 = 0
    guard RAND_bytes(&number, CInt(MemoryLayout<UInt64>.size)) == 1 else { return 0 }
    let terms = TicketTerms(
        policy: context.clientPolicy, name: ExtraData.word(ssl, ExtraData.name), number: number)
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), terms.bytes, TicketTerms.size)
}

/// Decides about a ticket that came: resume and give a new one, or make a full handshake.
@c func ternOpenTicket(
    _ ssl: OpaquePointer?, _ session: OpaquePointer?, _ keyName: UnsafePointer<UInt8>?,
    _ keyNameSize: Int, _ status: SSL_TICKET_STATUS, _ argument: UnsafeMutableRawPointer?
) -> SSL_TICKET_RETURN {
    guard let ssl, let argument else { return SSL_TICKET_RETURN_ABORT }
    let context = Unmanaged<TLSContext>.fromOpaque(argument).takeUnretainedValue()
    switch status {
    case SSL_TICKET_SUCCESS, SSL_TICKET_SUCCESS_RENEW:
        guard let session, context.accepts(session, in: ssl) else {
            return SSL_TICKET_RETURN_IGNORE_RENEW
        }
        return SSL_TICKET_RETURN_USE_RENEW
    case SSL_TICKET_NO_DECRYPT:
        context.tickets?.count(\.unknownKey)
        return SSL_TICKET_RETURN_IGNORE_RENEW
    default:
        return SSL_TICKET_RETURN_IGNORE_RENEW
    }
}

/// The algorithms of a ticket.
private enum TicketCipher {
    // Fetched once, immutable, never freed.
    nonisolated(unsafe) static let cipher: OpaquePointer? = EVP_CIPHER_fetch(
        nil, "AES-256-CBC", nil)

    /// Keys the MAC, which OpenSSL made for HMAC.
    static func setMACKey(_ key: TicketKey, _ mac: OpaquePointer) -> Bool {
        tern_set_HMAC_SHA256_key(mac, key.macKey.baseAddress, key.macKey.count) == 1
    }
}
