// The four messages of a SCRAM login (RFC 5802 section 7, RFC 7677): text in, parts out, and back. The
// grammar is strict in both directions; optional extensions are passed over, mandatory ones refused.

/// What a client says about channel binding: the gs2-cbind-flag.
package enum ScramBinding: Equatable, Sendable {
    /// `n`: the client cannot bind.
    case unsupported
    /// `y`: the client can, and thinks that the server cannot.
    case serverUnsupported
    /// `p=`: the client binds the channel with this type, `tls-exporter` for one.
    case required(String)
}

/// client-first-message: `n,,n=user,r=nonce`.
package struct ScramClientFirst: Equatable, Sendable {
    package let binding: ScramBinding
    /// The identity to act as, if another.
    package let authorizationIdentity: String?
    package let username: String
    package let nonce: String
    /// The gs2-header with both commas: part of the channel binding.
    package let header: String
    /// client-first-message-bare: part of the AuthMessage.
    package let bare: String

    /// The message of a client. Precondition: the nonce is one (`ScramText.isNonce`), the name not empty.
    package init(binding: ScramBinding, username: String, nonce: String) {
        precondition(ScramText.isNonce(nonce) && !username.isEmpty, "nonce or name")
        self.binding = binding
        authorizationIdentity = nil
        self.username = username
        self.nonce = nonce
        header =
            switch binding {
            case .unsupported: "n,,"
            case .serverUnsupported: "y,,"
            case .required(let type): "p=\(type),,"
            }
        bare = "n=\(ScramText.escaped(username)),r=\(nonce)"
    }

    /// Reads a client's message. Throws `malformedSCRAM` or `unsupportedExtension`.
    package init(parsing bytes: [UInt8]) throws(WireError) {
        let text = try ScramText.text(bytes)
        // Split as bytes: a comma with a combining mark behind it is a comma here.
        let parts = text.utf8.split(
            separator: UInt8(ascii: ","), maxSplits: 2, omittingEmptySubsequences: false
        ).map { Substring($0) }
        guard parts.count == 3 else { throw .malformedSCRAM }
        switch parts[0] {
        case "n": binding = .unsupported
        case "y": binding = .serverUnsupported
        case _ where parts[0].hasPrefix("p="):
            let type = parts[0].dropFirst(2)
            guard ScramText.isBindingType(type) else { throw .malformedSCRAM }
            binding = .required(String(type))
        default: throw .malformedSCRAM
        }
        if parts[1].isEmpty {
            authorizationIdentity = nil
        } else {
            guard parts[1].hasPrefix("a=") else { throw .malformedSCRAM }
            authorizationIdentity = try ScramText.unescaped(parts[1].dropFirst(2))
        }
        header = "\(parts[0]),\(parts[1]),"
        bare = String(parts[2])
        var fields = ScramFields(bare)
        if fields.nextName == "m" { throw .unsupportedExtension }
        username = try ScramText.unescaped(try fields.take("n"))
        nonce = String(try fields.take("r"))
        guard ScramText.isNonce(nonce) else { throw .malformedSCRAM }
        try fields.finish()
    }

    /// The message.
    package var bytes: [UInt8] { Array((header + bare).utf8) }
}

/// server-first-message: `r=nonce,s=salt,i=iterations`.
package struct ScramServerFirst: Equatable, Sendable {
    /// The client's nonce with the server's behind it.
    package let nonce: String
    package let salt: [UInt8]
    package let iterations: Int
    /// The message as text: part of the AuthMessage.
    package let text: String

    /// The message of a server. Precondition: the nonce is one, the salt not empty, the count positive.
    package init(nonce: String, salt: [UInt8], iterations: Int) {
        precondition(ScramText.isNonce(nonce) && !salt.isEmpty && iterations > 0, "server-first")
        self.nonce = nonce
        self.salt = salt
        self.iterations = iterations
        text = "r=\(nonce),s=\(Base64.encoded(salt)),i=\(iterations)"
    }

    /// Reads a server's message in answer to `clientNonce`. Throws `malformedSCRAM`, also for a nonce
    /// that does not go on from the client's, `unsupportedExtension`, or `iterationCount`.
    package init(
        parsing bytes: [UInt8], clientNonce: String,
        iterationsAccepted: ClosedRange<Int> = WireLimits.scramIterations
    ) throws(WireError) {
        text = try ScramText.text(bytes)
        var fields = ScramFields(text)
        if fields.nextName == "m" { throw .unsupportedExtension }
        nonce = String(try fields.take("r"))
        // Compared as bytes; longer, or the server added nothing of its own.
        guard ScramText.isNonce(nonce), nonce.utf8.starts(with: clientNonce.utf8),
            nonce.utf8.count > clientNonce.utf8.count
        else { throw .malformedSCRAM }
        guard let salt = Base64.decoded(try fields.take("s")), !salt.isEmpty else {
            throw .malformedSCRAM
        }
        self.salt = salt
        let digits = try fields.take("i")
        // At most 9 digits, so that the number fits.
        guard (1...9).contains(digits.utf8.count), let count = Int(digits), String(count) == digits,
            count > 0
        else { throw .malformedSCRAM }
        guard iterationsAccepted.contains(count) else { throw .iterationCount(count) }
        iterations = count
        try fields.finish()
    }

    /// The message.
    package var bytes: [UInt8] { Array(text.utf8) }
}

/// client-final-message: `c=binding,r=nonce,p=proof`.
package struct ScramClientFinal: Equatable, Sendable {
    /// The gs2-header with the channel-binding data behind it.
    package let channelBinding: [UInt8]
    package let nonce: String
    /// ClientProof, 32 bytes.
    package let proof: [UInt8]
    /// client-final-message-without-proof: part of the AuthMessage.
    package let withoutProof: String

    /// The message's part that the proof is made over.
    package static func withoutProof(channelBinding: [UInt8], nonce: String) -> String {
        "c=\(Base64.encoded(channelBinding)),r=\(nonce)"
    }

    /// The message of a client. Precondition: the nonce is one, the proof has 32 bytes.
    package init(channelBinding: [UInt8], nonce: String, proof: [UInt8]) {
        precondition(ScramText.isNonce(nonce) && proof.count == 32, "client-final")
        self.channelBinding = channelBinding
        self.nonce = nonce
        self.proof = proof
        withoutProof = Self.withoutProof(channelBinding: channelBinding, nonce: nonce)
    }

    /// Reads a client's message. Throws `malformedSCRAM` or `unsupportedExtension`. The caller compares
    /// nonce and channel binding with what they must be.
    package init(parsing bytes: [UInt8]) throws(WireError) {
        let text = try ScramText.text(bytes)
        // The proof is the last field, whatever extensions come before it.
        guard let comma = text.utf8.lastIndex(of: UInt8(ascii: ",")) else { throw .malformedSCRAM }
        withoutProof = String(text[..<comma])
        var fields = ScramFields(withoutProof)
        guard let binding = Base64.decoded(try fields.take("c")), !binding.isEmpty else {
            throw .malformedSCRAM
        }
        channelBinding = binding
        if fields.nextName == "m" { throw .unsupportedExtension }
        nonce = String(try fields.take("r"))
        guard ScramText.isNonce(nonce) else { throw .malformedSCRAM }
        try fields.finish()
        var last = ScramFields(String(text[text.utf8.index(after: comma)...]))
        guard let proof = Base64.decoded(try last.take("p")), proof.count == 32 else {
            throw .malformedSCRAM
        }
        self.proof = proof
    }

    /// The message.
    package var bytes: [UInt8] {
        Array("\(withoutProof),p=\(Base64.encoded(proof))".utf8)
    }
}

/// server-final-message: `v=signature` or `e=error`.
package enum ScramServerFinal: Equatable, Sendable {
    /// ServerSignature, 32 bytes.
    case verifier([UInt8])
    /// Why not (RFC 5802 section 7, server-error-value).
    case error(String)

    /// Reads a server's message. Throws `malformedSCRAM`.
    package init(parsing bytes: [UInt8]) throws(WireError) {
        var fields = ScramFields(try ScramText.text(bytes))
        if fields.nextName == "e" {
            let error = String(try fields.take("e"))
            guard !error.isEmpty else { throw .malformedSCRAM }
            self = .error(error)
        } else {
            guard let signature = Base64.decoded(try fields.take("v")), signature.count == 32 else {
                throw .malformedSCRAM
            }
            self = .verifier(signature)
        }
        try fields.finish()
    }

    /// The message.
    package var bytes: [UInt8] {
        switch self {
        case .verifier(let signature): Array("v=\(Base64.encoded(signature))".utf8)
        case .error(let error): Array("e=\(error)".utf8)
        }
    }
}
