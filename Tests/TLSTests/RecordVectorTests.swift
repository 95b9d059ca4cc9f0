import Base
import Testing

@testable import TLS

/// RFC 8448, section 3: the records of its simple handshake that come after Finished.
@Suite struct RecordVectorTests {
    private static let clientSecret = bytes(
        """
        9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5
        """)
    private static let serverSecret = bytes(
        """
        a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643
        """)
    private static let ticketRecord = bytes(
        """
        17030300de3a6b8f90414a97d6959c3487680de5134a2b240e6cffac116e95d41d6af8f6b580dcf3d11d63c7
        58db289a015940252f55713e061dc13e078891a38efbcf5753ad8ef170ad3c7353d16d9da773b9ca7f2b9fa1
        b6c0d4a3d03f75e09c30ba1e62972ac46f75f7b981be63439b2999ce13064615139891d5e4c5b406f16e3fc1
        81a77ca475840025db2f0a77f81b5ab05b94c01346755f69232c86519d86cbeeac87aac347d143f9605d64f6
        50db4d023e70e952ca49fe5137121c74bc2697687e248746d6df353005f3bce18696129c8153556b3b6c6779
        b37bf15985684f
        """)
    private static let clientRecord = bytes(
        """
        1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a
        20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4
        """)
    private static let serverRecord = bytes(
        """
        17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb
        501a59a8fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d
        """)
    private static let clientAlert = bytes("1703030013c9872760655666b74d7ff1153efd6db6d0b0e3")
    private static let serverAlert = bytes("1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9")
    private static let payload = [UInt8](0..<50)

    /// One end of the trace, so many records under way each direction.
    private final class End {
        let ciphers = RecordCiphers()
        var layer: RecordLayer
        var leftover: Leftover?
        var plaintext = ByteBuffer()
        var output = ByteBuffer()

        init(isClient: Bool, sent: UInt32 = 0) throws {
            let receiving = isClient ? serverSecret : clientSecret
            let sending = isClient ? clientSecret : serverSecret
            layer = try makeLayer(
                .aes128GCM, isClient: isClient, receiving: receiving, sending: sending, sent: sent,
                ciphers: ciphers)
        }

        func receive(_ bytes: [UInt8]) throws {
            try bytes.withUnsafeBytes {
                try layer.receive(
                    $0, plaintext: &plaintext, output: &output, leftover: &leftover,
                    ciphers: ciphers)
            }
        }

        func send(_ bytes: [UInt8]) throws -> [UInt8] {
            try bytes.withUnsafeBytes { try layer.send($0, output: &output, ciphers: ciphers) }
            return taken(&output)
        }

        func close() -> [UInt8] {
            layer.close(output: &output, ciphers: ciphers)
            return taken(&output)
        }

        func taken(_ buffer: inout ByteBuffer) -> [UInt8] {
            let bytes = buffer.copy()
            buffer.clear()
            return bytes
        }

        func key(_ direction: RecordState.Direction) -> [UInt8] {
            [UInt8](
                UnsafeRawBufferPointer(start: layer.state.key(direction, .aes128GCM), count: 16))
        }

        func vector(_ direction: RecordState.Direction) -> [UInt8] {
            [UInt8](
                UnsafeRawBufferPointer(start: layer.state.vector(direction, .aes128GCM), count: 12))
        }

        var hasReceivedClose: Bool { layer.hasReceivedClose }
    }

    @Test func keysFollowFromTheSecrets() throws {
        let server = try End(isClient: false)
        #expect(server.key(.sending) == bytes("9f02283b6c9c07efc26bb9f2ac92e356"))
        #expect(server.vector(.sending) == bytes("cf782b88dd83549aadf1e984"))
        #expect(server.key(.receiving) == bytes("17422dda596ed5d9acd890e3c63f5051"))
        #expect(server.vector(.receiving) == bytes("5b78923dee08579033e523d9"))
    }

    @Test func serverSealsAndOpensTheTrace() throws {
        // The ticket was record 0.
        let server = try End(isClient: false, sent: 1)
        try server.receive(Self.clientRecord)
        #expect(server.taken(&server.plaintext) == Self.payload)
        #expect(try server.send(Self.payload) == Self.serverRecord)
        try server.receive(Self.clientAlert)
        #expect(server.hasReceivedClose)
        #expect(server.close() == Self.serverAlert)
    }

    @Test func clientSealsAndOpensTheTrace() throws {
        let client = try End(isClient: true)
        try client.receive(Self.ticketRecord)
        #expect(client.taken(&client.plaintext) == [] && client.leftover == nil)
        #expect(try client.send(Self.payload) == Self.clientRecord)
        try client.receive(Self.serverRecord)
        #expect(client.taken(&client.plaintext) == Self.payload)
        #expect(client.close() == Self.clientAlert)
        try client.receive(Self.serverAlert)
        #expect(client.hasReceivedClose)
    }
}
