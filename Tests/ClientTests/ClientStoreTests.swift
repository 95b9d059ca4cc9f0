// The stores: the same changes, the same state, whatever keeps it.

import Base
import Client
import ClientStorage
import Foundation
import Testing
import Wire

@Suite struct ClientStoreTests {
    private let directory = FileManager.default.temporaryDirectory
        .appending(path: "client-store-\(UUID().uuidString)").path

    init() throws {
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
    }

    private var path: String { directory + "/state.sqlite" }

    private func open(
        _ jid: JID = aliceJID, device: UInt8 = 7
    ) throws(ClientStoreError) -> SQLiteClientStore {
        try SQLiteClientStore(path: path, jid: jid, device: device)
    }

    private func change(_ random: inout SystemRandomNumberGenerator) -> ClientChange {
        let id = makeID("M\(Int.random(in: 0..<12, using: &random))")
        let receipt = OutgoingReceipt(to: bobJID, id: id, kind: .delivered)
        let key = SeenKey(from: bobJID, id: id, kind: .read)
        let states: [MessageState] = [
            .pending, .accepted, .delivered, .read, .failed(condition: "item-not-found"),
        ]
        switch Int.random(in: 0..<10, using: &random) {
        case 0: return .token(Bool.random() ? nil : ClientSecret([1, 2, 3]))
        case 1: return .ticket(Bool.random() ? nil : ClientSecret([UInt8](0...255)))
        case 2: return .messageAdded(OutgoingMessage(to: bobJID.bare, id: id, body: "a\0ü"))
        case 3: return .messageRemoved(id)
        case 4: return .state(MessageRecord(id: id, state: states.randomElement() ?? .read))
        case 5: return .stateForgotten(id)
        case 6: return .receiptAdded(receipt)
        case 7: return .receiptRemoved(receipt)
        case 8: return .seenAdded(key)
        default: return .seenRemoved(key)
        }
    }

    /// Whether a session could make the change: it adds nothing twice.
    private func fits(_ change: ClientChange, _ state: ClientState) -> Bool {
        switch change {
        case .messageAdded(let message): !state.outbox.contains { $0.id == message.id }
        case .receiptAdded(let receipt): !state.receipts.contains(receipt)
        case .seenAdded(let key): !state.seen.contains(key)
        default: true
        }
    }

    @Test func sqliteKeepsWhatMemoryKeeps() throws {
        var random = SystemRandomNumberGenerator()
        var state = ClientState()
        for _ in 0..<12 {
            let store = try open()
            #expect(try store.load() == state)
            for _ in 0..<10 {
                var batch: [ClientChange] = []
                for _ in 0..<8 {
                    let change = change(&random)
                    guard fits(change, state) else { continue }
                    state.apply(change)
                    batch.append(change)
                }
                try store.commit(batch)
            }
            #expect(try store.load() == state)
        }
    }

    @Test func aBatchThatFailsLeavesNothing() throws {
        let store = try open()
        let message = OutgoingMessage(to: bobJID.bare, id: makeID("A1"), body: "one")
        try store.commit([.messageAdded(message)])
        #expect(throws: ClientStoreError.self) {
            try store.commit([.token(ClientSecret([1])), .messageAdded(message)])
        }
        let state = try store.load()
        #expect(state.token == nil && state.outbox == [message])
        #expect(try !store.hasToken())
    }

    @Test func theFileIsItsOwnersAlone() throws {
        let store = try open()
        try store.commit([.token(ClientSecret([1]))])
        for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
            let attributes = try FileManager.default.attributesOfItem(
                atPath: directory + "/" + name)
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(name)")
        }
        withExtendedLifetime(store) {}
    }

    @Test func oneDeviceAndOneProcess() throws {
        do {
            let store = try open()
            #expect(throws: ClientStoreError.self) { try open() }
            withExtendedLifetime(store) {}
        }
        #expect(throws: ClientStoreError.self) { try open(device: 8) }
        #expect(throws: ClientStoreError.self) { try open(bobJID) }
        _ = try open()
    }

    /// POSIX drops a process's locks on a file when the process closes any descriptor of it.
    @Test func aRefusedStoreLeavesTheLocksOfTheOther() throws {
        let store = try open()
        try store.commit([.token(ClientSecret([1]))])
        #expect(throws: ClientStoreError.self) { try open() }
        let descriptor = Glibc.open(path, O_RDWR | O_CLOEXEC)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        // A lock of the open file's own conflicts with the process's: what another process would see.
        var lock = flock()
        lock.l_type = Int16(F_WRLCK)
        lock.l_whence = Int16(SEEK_SET)
        let getOpenFileLock: Int32 = 36
        #expect(fcntl(descriptor, getOpenFileLock, &lock) == 0)
        #expect(lock.l_type != Int16(F_UNLCK))
        withExtendedLifetime(store) {}
    }

    @Test func aLinkInThePlaceOfTheFileIsRefused() throws {
        let other = directory + "/other"
        try Data().write(to: URL(filePath: other))
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: other)
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: other)
        #expect(throws: ClientStoreError.self) { try open() }
        let mode = try FileManager.default.attributesOfItem(atPath: other)[.posixPermissions]
        #expect(mode as? Int == 0o644)
    }

    @Test func aFileThatOthersCouldReadIsClosedToThem() throws {
        _ = try open()
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        _ = try open()
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
        #expect(mode as? Int == 0o600)
    }

    @Test func aFileThatIsNoneIsRefused() throws {
        try Data("not a database, and longer than a header of SQLite's would be: ".utf8)
            .write(to: URL(filePath: path))
        #expect(throws: ClientStoreError.self) { try open() }
        #expect(throws: ClientStoreError.self) {
            try SQLiteClientStore(path: directory + "/no/where", jid: aliceJID, device: 7)
        }
    }
}
