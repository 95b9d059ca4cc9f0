// Dictionary files: what is accepted has each word once, and both ways lead to the same word.

internal import Base
internal import Notation
internal import Wire

/// Takes the bytes as a dictionary file.
public func fuzzDictionary(_ bytes: UnsafeRawBufferPointer) {
    let file: DictionaryFile
    do throws(NotationError) {
        file = try DictionaryFile(parsing: bytes.bytes)
    } catch {
        precondition((0...bytes.count).contains(error.offset), "\(error) of \(bytes.count) bytes")
        return
    }
    let dictionary: TokenDictionary
    do throws(WireError) {
        dictionary = try file.dictionary()
    } catch {
        guard case .malformedDictionary = error else { preconditionFailure("\(error)") }
        return
    }
    defer { dictionary.discard() }
    for (index, word) in file.single.enumerated() where index != 0 && index != 3 {
        check(word, UInt16(index), dictionary)
    }
    for (table, words) in file.double.enumerated() {
        for (index, word) in words.enumerated() {
            check(word, UInt16(0x100 + 0x100 * table + index), dictionary)
        }
    }
    guard let domain = file.domain,
        let context = WireContext(dictionary: dictionary, domain: domain)
    else { return }
    defer { context.discard() }
    checkNodes(of: file, context)
}

private func check(_ word: String, _ index: UInt16, _ dictionary: TokenDictionary) {
    let token = dictionary.token(of: word)
    precondition(token?.rawValue == index, "\(word): \(token as Any) at \(index)")
    let back = token.flatMap { dictionary.word(of: $0) }
    let isSame = back?.utf8.elementsEqual(word.utf8) == true
    precondition(isSame, "\(word) comes back as \(back as Any)")
}

/// Nodes of the dictionary's words come back, whatever the words are.
private func checkNodes(of file: DictionaryFile, _ context: WireContext) {
    let words = (file.single.dropFirst(4) + file.double.joined()).prefix(32)
    guard let tag = words.first else { return }
    let node = Node(
        tag, words.map { Node.Attribute(key: $0, value: $0) }, content: .text(context.domain))
    FuzzWorld.withWorkshop { workshop in
        do throws(WireError) {
            try node.encode(into: &workshop.buffer, context: context)
        } catch {
            preconditionFailure("\(node): \(error)")
        }
        workshop.buffer.withUnsafeBytes { checkNode($0, context: context) }
    }
}
