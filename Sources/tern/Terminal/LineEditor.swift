// A one-line editor: bytes in, edit state, escape sequences out. It does no input or output, so the
// same code runs at a terminal and in a test.
//
// Invariant: 0 <= cursor <= characters.count; the row shows the cursor; nothing it prints of the
// line or the prompt can be a control sequence. The prompt stands on one row, which scrolls sideways.

/// Edits one line.
package struct LineEditor: Sendable {
    /// The longest line, in bytes of UTF-8: more is refused with a bell.
    package static let lineSizeMax = 16 * 1024
    /// How many lines the history keeps.
    package static let historyCountMax = 500

    /// What a key came to.
    package enum Action: Equatable, Sendable {
        /// The row must be drawn again.
        case redraw
        /// Enter: the line, which is now empty again.
        case submit(String)
        /// Ctrl-C.
        case interrupt
        /// Ctrl-D on an empty line.
        case endOfInput
        /// Ctrl-L: clear the screen, then draw.
        case clearScreen
        /// The key could not be obeyed.
        case bell
    }

    private var keys = KeyReader()
    private var characters: [Character] = []
    private var cursor = 0
    private var sizeInBytes = 0
    private var history: [String] = []
    /// Where in the history we are; `history.count` is the line being written.
    private var historyIndex = 0
    private var draft: [Character] = []
    private var killed: [Character] = []
    /// The first character shown.
    private var scroll = 0

    package init() {}

    /// Takes bytes as the terminal sent them.
    package mutating func receive(_ bytes: some Sequence<UInt8>) -> [Action] {
        var actions: [Action] = []
        for byte in bytes {
            guard let key = keys.receive(byte), let action = press(key) else { continue }
            if action == .redraw, actions.last == .redraw { continue }
            actions.append(action)
        }
        checkInvariants()
        return actions
    }

    /// Presses one key; nil when nothing changed.
    package mutating func press(_ key: Key) -> Action? {
        switch key {
        case .character(let character): return insert([character])
        case .paste(let text): return insert(Array(Self.singleLine(text)))
        case .enter: return submit()
        case .left: return move(to: cursor - 1)
        case .right: return move(to: cursor + 1)
        case .home: return move(to: 0)
        case .end: return move(to: characters.count)
        case .wordLeft: return move(to: wordStart(before: cursor))
        case .wordRight: return move(to: wordEnd(after: cursor))
        case .backspace: return remove(max(cursor - 1, 0)..<cursor)
        case .delete: return remove(cursor..<min(cursor + 1, characters.count))
        case .up: return recall(historyIndex - 1)
        case .down: return recall(historyIndex + 1)
        case .control(let code): return pressControl(code)
        }
    }

    private mutating func pressControl(_ code: UInt8) -> Action? {
        switch code {
        case 0x01: return move(to: 0)  // A
        case 0x02: return move(to: cursor - 1)  // B
        case 0x03: return .interrupt  // C
        case 0x04:  // D
            if characters.isEmpty { return .endOfInput }
            return remove(cursor..<min(cursor + 1, characters.count))
        case 0x05: return move(to: characters.count)  // E
        case 0x06: return move(to: cursor + 1)  // F
        case 0x0B: return kill(cursor..<characters.count)  // K
        case 0x0C: return .clearScreen  // L
        case 0x0E: return recall(historyIndex + 1)  // N
        case 0x10: return recall(historyIndex - 1)  // P
        case 0x15: return kill(0..<cursor)  // U
        case 0x17: return kill(wordStart(before: cursor)..<cursor)  // W
        case 0x19: return killed.isEmpty ? nil : insert(killed)  // Y
        default: return nil
        }
    }

    /// Forgets the line being written.
    package mutating func clear() {
        setLine([])
        historyIndex = history.count
    }

    private mutating func insert(_ new: [Character]) -> Action? {
        guard !new.isEmpty else { return nil }
        let size = new.reduce(0) { $0 + $1.utf8.count }
        guard sizeInBytes + size <= Self.lineSizeMax else { return .bell }
        // A combining mark joins the character before it, so the joined text is split anew.
        let start = max(cursor - 1, 0)
        let joined = Array(String(characters[start..<cursor]) + String(new))
        characters.replaceSubrange(start..<cursor, with: joined)
        cursor = start + joined.count
        sizeInBytes += size
        return .redraw
    }

    private mutating func remove(_ range: Range<Int>) -> Action? {
        guard !range.isEmpty else { return nil }
        sizeInBytes -= characters[range].reduce(0) { $0 + $1.utf8.count }
        characters.removeSubrange(range)
        cursor = range.lowerBound
        return .redraw
    }

    private mutating func kill(_ range: Range<Int>) -> Action? {
        guard !range.isEmpty else { return nil }
        killed = Array(characters[range])
        return remove(range)
    }

    private mutating func move(to position: Int) -> Action? {
        let target = min(max(position, 0), characters.count)
        guard target != cursor else { return nil }
        cursor = target
        return .redraw
    }

    private mutating func submit() -> Action {
        let line = self.line
        if !line.isEmpty, history.last != line {
            history.append(line)
            if history.count > Self.historyCountMax { history.removeFirst() }
        }
        clear()
        return .submit(line)
    }

    private mutating func recall(_ index: Int) -> Action? {
        guard index >= 0, index <= history.count else { return nil }
        if historyIndex == history.count { draft = characters }
        historyIndex = index
        setLine(index == history.count ? draft : Array(history[index]))
        return .redraw
    }

    private mutating func setLine(_ new: [Character]) {
        characters = new
        cursor = new.count
        sizeInBytes = new.reduce(0) { $0 + $1.utf8.count }
        scroll = 0
    }

    private func wordStart(before position: Int) -> Int {
        var index = position
        while index > 0, characters[index - 1].isWhitespace { index -= 1 }
        while index > 0, !characters[index - 1].isWhitespace { index -= 1 }
        return index
    }

    private func wordEnd(after position: Int) -> Int {
        var index = position
        while index < characters.count, characters[index].isWhitespace { index += 1 }
        while index < characters.count, !characters[index].isWhitespace { index += 1 }
        return index
    }

    /// The line as written so far.
    package var line: String { String(characters) }

    /// The cursor's place, in characters.
    package var position: Int { cursor }

    /// Pasted text as one line: line ends become a space, as a row has only one.
    private static func singleLine(_ text: String) -> String {
        var line = ""
        for character in text {
            line.append(character.isNewline ? " " : character)
        }
        while line.last == " " { line.removeLast() }
        return line
    }

    private func checkInvariants() {
        assert(cursor >= 0 && cursor <= characters.count, "cursor \(cursor) of \(characters.count)")
        assert(sizeInBytes == line.utf8.count, "\(sizeInBytes) for \(line.utf8.count) bytes")
    }
}

extension LineEditor {
    /// Draws the row anew: to its start, prompt, the visible part of the line, clear the rest, cursor.
    package mutating func render(prompt: String, columns: Int) -> String {
        let columns = max(columns, 4)
        let prompt = TerminalText.shortened(TerminalText.neutralised(prompt), columns: columns / 2)
        let promptWidth = TerminalText.width(of: prompt)
        let shown = characters.map { TerminalText.neutralised(String($0)) }
        let widths = shown.map { TerminalText.width(of: $0) }
        // One column stays free for the cursor behind the last character.
        let room = columns - promptWidth - 1
        if cursor < scroll { scroll = cursor }
        while scroll < cursor, widths[scroll..<cursor].reduce(0, +) > room { scroll += 1 }
        while scroll > 0, widths[(scroll - 1)...].reduce(0, +) <= room { scroll -= 1 }
        var visible = ""
        var used = 0
        for index in scroll..<shown.count {
            used += widths[index]
            if used > room { break }
            visible += shown[index]
        }
        let column = promptWidth + widths[scroll..<cursor].reduce(0, +)
        let forward = column > 0 ? "\u{1B}[\(column)C" : ""
        return "\r\(prompt)\(visible)\u{1B}[K\r\(forward)"
    }

    /// Prints whole lines above the row and draws the row again below them. The lines are the
    /// caller's: already neutralised.
    package mutating func print(above lines: [String], prompt: String, columns: Int) -> String {
        let printed = lines.map { $0 + "\r\n" }.joined()
        return "\r\u{1B}[K" + printed + render(prompt: prompt, columns: columns)
    }

    /// Takes the row off the screen, for the way out.
    package static let erase = "\r\u{1B}[K"
}
