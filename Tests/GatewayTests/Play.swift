// Plays: what clients say and hear, in plain text, run against the real server over real TLS.
//
//     account alice                       makes an account; its password is its name
//     alice connects                      TLS, prologue, login as device 0
//     alice connects as device 2
//     alice connects with password "x"
//     alice is refused: not-authorized    instead of being connected
//     alice sends:                        the indented XML below it, as one stanza
//         <message to="bob@localhost" id="m1"><body>hi</body></message>
//     bob receives:                       exactly this, next; "*" stands for any value
//         <message from="alice@localhost/0" id="m1" t="*"><body>hi</body></message>
//     bob receives nothing                for a quarter of a second
//     bob is closed                       close_notify
//     bob vanishes                        TCP ends without a word
//     phone is bob                        another name for a client of bob's account
//     server restarts / server is killed  in good order / kill -9; then it starts again

import Foundation
import FoundationXML
import Wire

/// A play, read and ready to run.
struct Play {
    struct Step {
        let line: Int
        let text: String
        let stanza: Node?
    }

    let name: String
    let steps: [Step]

    init(file: URL) throws {
        name = file.deletingPathExtension().lastPathComponent
        var steps: [Step] = []
        var lines = try String(contentsOf: file, encoding: .utf8)
            .split(separator: "\n", omittingEmptySubsequences: false).enumerated()
            .filter { !$1.trimmingCharacters(in: .whitespaces).isEmpty && !$1.hasPrefix("#") }[...]
        while let (offset, text) = lines.popFirst() {
            var block = ""
            while let next = lines.first, next.element.hasPrefix(" ") {
                block += next.element.trimmingCharacters(in: .whitespaces)
                lines.removeFirst()
            }
            let stanza = block.isEmpty ? nil : try StanzaText.parse(block)
            steps.append(Step(line: offset + 1, text: String(text), stanza: stanza))
        }
        self.steps = steps
    }
}

/// Runs a play.
final class PlayRunner {
    private let server: TestServer
    private var clients: [String: RawClient] = [:]
    private var accounts: [String: String] = [:]
    private var answers: [String: Node] = [:]

    init(server: TestServer) { self.server = server }

    func run(_ play: Play) throws {
        for step in play.steps {
            do {
                try run(step)
            } catch {
                throw TestFailure("\(play.name):\(step.line): \(step.text): \(error)")
            }
        }
    }

    private func run(_ step: Play.Step) throws {
        let words = step.text.split(separator: " ").map(String.init)
        switch (words[0], words.dropFirst().joined(separator: " ")) {
        case ("account", let name): try server.addAccount(name)
        case ("server", "restarts"): try server.restart()
        case ("server", "is killed"): try server.killAndRestart()
        case (let name, "connects"): try connect(name)
        case (let name, "sends:"): try client(name).send(try stanza(step))
        case (let name, "receives:"): try expect(try stanza(step), at: name)
        case (let name, "receives nothing"):
            if case .nothing = try client(name).next(withinMs: 250) { return }
            throw TestFailure("something came")
        case (let name, "is closed"):
            guard case .closed = try client(name).next(), try client(name).sawCloseNotify else {
                throw TestFailure("not closed in good order")
            }
        case (let name, "vanishes"): clients[name] = nil
        case (let name, let rest): try run(name, rest)
        }
    }

    private func run(_ name: String, _ rest: String) throws {
        if let found = rest.wholeMatch(of: /connects as device (\d+)/) {
            try connect(name, device: UInt8(found.1) ?? 0)
        } else if let found = rest.wholeMatch(of: /connects with password "(.*)"/) {
            try connect(name, password: String(found.1))
        } else if let found = rest.wholeMatch(of: /is refused: (.*)/) {
            guard let answer = answers[name], answer.tag == "failure",
                answer.children.first?.tag == String(found.1)
            else { throw TestFailure("got \(String(describing: answers[name]))") }
        } else if let found = rest.wholeMatch(of: /is (\w+)/) {
            accounts[name] = String(found.1)
        } else {
            throw TestFailure("not a step")
        }
    }

    private func connect(_ name: String, password: String? = nil, device: UInt8 = 0) throws {
        let client = try RawClient(port: server.port, ca: server.ca)
        let account = accounts[name] ?? name
        let answer = try client.logIn(account, password: password, device: device)
        clients[name] = client
        answers[name] = answer
        if answer.tag == "success" {
            guard answer["jid"] == "\(account)@localhost/\(device)" else {
                throw TestFailure("logged in as \(answer)")
            }
        } else if password == nil {
            throw TestFailure("got \(answer)")
        }
    }

    private func client(_ name: String) throws -> RawClient {
        guard let client = clients[name] else { throw TestFailure("\(name) is not connected") }
        return client
    }

    private func stanza(_ step: Play.Step) throws -> Node {
        guard let stanza = step.stanza else { throw TestFailure("no stanza below it") }
        return stanza
    }

    private func expect(_ expected: Node, at name: String) throws {
        let node = try client(name).nextNode()
        guard StanzaText.matches(node, expected) else {
            throw TestFailure("got \(node)\n  not \(expected)")
        }
    }
}

/// Stanzas as XML text.
enum StanzaText {
    static func parse(_ text: String) throws -> Node {
        let parser = XMLParser(data: Data(text.utf8))
        let reader = Reader()
        parser.delegate = reader
        guard parser.parse(), let node = reader.root else { throw TestFailure("not XML: \(text)") }
        return node
    }

    /// Whether a node is what was expected, "*" standing for any value and order of attributes aside.
    static func matches(_ node: Node, _ expected: Node) -> Bool {
        guard node.tag == expected.tag, node.attributes.count == expected.attributes.count,
            node.children.count == expected.children.count
        else { return false }
        for attribute in expected.attributes {
            guard let value = node[attribute.key] else { return false }
            if attribute.value != "*" && attribute.value != value { return false }
        }
        if node.children.isEmpty { return (node.text ?? "") == (expected.text ?? "") }
        return zip(node.children, expected.children).allSatisfy { matches($0, $1) }
    }

    private final class Reader: NSObject, XMLParserDelegate {
        var root: Node?
        private var open: [Node] = []

        func parser(
            _ parser: XMLParser, didStartElement element: String, namespaceURI: String?,
            qualifiedName: String?, attributes: [String: String]
        ) {
            var node = Node(element)
            for (key, value) in attributes.sorted(by: { $0.key < $1.key }) { node[key] = value }
            open.append(node)
        }

        func parser(_ parser: XMLParser, foundCharacters text: String) {
            guard var node = open.popLast() else { return }
            node.content = .text((node.text ?? "") + text)
            open.append(node)
        }

        func parser(
            _ parser: XMLParser, didEndElement element: String, namespaceURI: String?,
            qualifiedName: String?
        ) {
            guard let node = open.popLast() else { return }
            guard var parent = open.popLast() else {
                root = node
                return
            }
            parent.content = .nodes(parent.children + [node])
            open.append(parent)
        }
    }
}
