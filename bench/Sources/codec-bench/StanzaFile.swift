// Stanzas and dictionaries as JSON, the form that bench/data has them in.

internal import Foundation
internal import Wire

/// One line of a stanza file.
struct NamedStanza: Decodable {
    let name: String
    let node: JSONNode

    /// The stanzas of a file, one a line.
    static func read(_ path: String) throws -> [NamedStanza] {
        let data = try Data(contentsOf: URL(filePath: path))
        return try data.split(separator: UInt8(ascii: "\n")).map {
            try JSONDecoder().decode(NamedStanza.self, from: $0)
        }
    }
}

/// A node of a stanza file. Attributes come in the order of their keys' bytes: JSON objects have none.
struct JSONNode: Decodable {
    let node: Node

    private enum Keys: String, CodingKey { case tag, attrs, content, b64 }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Keys.self)
        var node = Node(try fields.decode(String.self, forKey: .tag))
        let attributes = try fields.decodeIfPresent([String: String].self, forKey: .attrs) ?? [:]
        for (key, value) in attributes.sorted(by: { $0.key < $1.key }) {
            node.attributes.append(.init(key: key, value: value))
        }
        if let text = try? fields.decode(String.self, forKey: .content) {
            node.content = .text(text)
        } else if let nodes = try? fields.decode([JSONNode].self, forKey: .content) {
            node.content = .nodes(nodes.map(\.node))
        } else if fields.contains(.content) {
            let bytes = try fields.nestedContainer(keyedBy: Keys.self, forKey: .content)
            node.content = .bytes([UInt8](try bytes.decode(Data.self, forKey: .b64)))
        }
        self.node = node
    }
}

/// A dictionary file: `{"single": […], "double": [[…], […], […], […]]}`.
struct DictionaryFile: Decodable {
    let single: [String]
    let double: [[String]]

    static func read(_ path: String) throws -> TokenDictionary {
        let data = try Data(contentsOf: URL(filePath: path))
        let file = try JSONDecoder().decode(DictionaryFile.self, from: data)
        return try TokenDictionary(version: 0, single: file.single, double: file.double)
    }
}
