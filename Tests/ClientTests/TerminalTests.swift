// The line editor, and what may be printed.

import Client
import Testing
import Wire

@testable import tern

/// Feeds bytes and gives back what came of them.
private func type(_ text: String, into editor: inout LineEditor) -> [LineEditor.Action] {
    editor.receive(Array(text.utf8))
}

struct LineEditorTests {
    @Test func editsUTF8AtEveryPlace() {
        var editor = LineEditor()
        #expect(type("grün", into: &editor) == [.redraw])
        _ = type("\u{1B}[D\u{1B}[D\u{7F}", into: &editor)
        #expect(editor.line == "gün")
        _ = type("r", into: &editor)
        #expect(editor.line == "grün")
        _ = type("\u{01}→\u{05}!\u{1B}[H\u{1B}[3~", into: &editor)
        #expect(editor.line == "grün!")
        #expect(editor.position == 0)
    }

    @Test func splitSequencesAreWhole() {
        var editor = LineEditor()
        for byte in Array("aé漢👩‍👩‍👧\u{1B}[D".utf8) { _ = editor.receive([byte]) }
        #expect(editor.line == "aé漢👩‍👩‍👧")
        #expect(editor.position == 3)
        _ = type("\u{7F}", into: &editor)
        #expect(editor.line == "aé👩‍👩‍👧")
    }

    @Test func killsAndYanks() {
        var editor = LineEditor()
        _ = type("one two  three", into: &editor)
        _ = type("\u{17}", into: &editor)
        #expect(editor.line == "one two  ")
        _ = type("\u{17}", into: &editor)
        #expect(editor.line == "one ")
        _ = type("\u{19}", into: &editor)
        #expect(editor.line == "one two  ")
        _ = type("\u{01}\u{06}\u{0B}", into: &editor)
        #expect(editor.line == "o")
        _ = type("\u{15}", into: &editor)
        #expect(editor.line.isEmpty)
    }

    @Test func historyKeepsTheDraft() {
        var editor = LineEditor()
        #expect(type("first\r", into: &editor).last == .submit("first"))
        #expect(type("second\r", into: &editor).last == .submit("second"))
        _ = type("dra", into: &editor)
        _ = type("\u{1B}[A", into: &editor)
        #expect(editor.line == "second")
        _ = type("\u{1B}[A\u{1B}[A", into: &editor)
        #expect(editor.line == "first")
        _ = type("\u{1B}[B\u{1B}[B\u{1B}[B", into: &editor)
        #expect(editor.line == "dra")
    }

    @Test func pasteIsOneLine() {
        var editor = LineEditor()
        let actions = type("\u{1B}[200~a\r\nb\u{03}c\n\u{1B}[201~d", into: &editor)
        #expect(actions == [.redraw])
        #expect(editor.line == "a b\u{03}cd")
        #expect(editor.render(prompt: "> ", columns: 40).contains("a b\\x03cd"))
    }

    @Test func lineHasAnEnd() {
        var editor = LineEditor()
        let line = String(repeating: "x", count: LineEditor.lineSizeMax)
        _ = type(line, into: &editor)
        #expect(type("y", into: &editor) == [.bell])
        #expect(editor.line == line)
    }

    @Test func hugePasteIsBounded() {
        var editor = LineEditor()
        let text = String(repeating: "p", count: KeyReader.pasteSizeMax * 2)
        #expect(type("\u{1B}[200~" + text + "\u{1B}[201~", into: &editor) == [.bell])
        _ = type("ok", into: &editor)
        #expect(editor.line == "ok")
    }

    @Test func endsAndInterrupts() {
        var editor = LineEditor()
        #expect(type("\u{04}", into: &editor) == [.endOfInput])
        #expect(type("ab\u{01}\u{04}", into: &editor) == [.redraw])
        #expect(editor.line == "b")
        #expect(type("\u{03}", into: &editor) == [.interrupt])
        #expect(type("\u{0C}", into: &editor) == [.clearScreen])
    }

    @Test func brokenInputDoesNotHarm() {
        var editor = LineEditor()
        _ = editor.receive([0xFF, 0xC3, 0x41, 0xE2, 0x82, 0x1B, 0x5B, 0x39, 0x39, 0x7E, 0x42])
        #expect(editor.line == "\u{FFFD}AB")
        _ = editor.receive([0x1B, 0x5B] + [UInt8](repeating: 0x31, count: 1_000) + [0x7E])
        #expect(editor.line == "\u{FFFD}AB")
    }

    @Test func wideCharactersScroll() {
        var editor = LineEditor()
        _ = type("漢字漢字漢字", into: &editor)
        // Prompt 2, cursor 1: 7 columns hold three wide characters.
        #expect(editor.render(prompt: "> ", columns: 10) == "\r> 字漢字\u{1B}[K\r\u{1B}[8C")
        _ = type("\u{01}", into: &editor)
        #expect(editor.render(prompt: "> ", columns: 10) == "\r> 漢字漢\u{1B}[K\r\u{1B}[2C")
        #expect(
            editor.render(prompt: "> ", columns: 40) == "\r> 漢字漢字漢字\u{1B}[K\r\u{1B}[2C")
    }

    @Test func outputAboveKeepsTheLine() {
        var editor = LineEditor()
        _ = type("half", into: &editor)
        let text = editor.print(above: ["bob: hi"], prompt: "> ", columns: 20)
        #expect(text == "\r\u{1B}[Kbob: hi\r\n\r> half\u{1B}[K\r\u{1B}[6C")
        #expect(type(" done\r", into: &editor).last == .submit("half done"))
    }
}

struct TerminalTextTests {
    @Test func controlsAreShownNotObeyed() {
        let hostile = "a\u{1B}[2J\u{07}\u{9B}31m\r\nb\u{7F}\u{202E}c\u{2066}\u{2028}\tü"
        let safe = TerminalText.neutralised(hostile)
        #expect(
            safe == "a\\x1b[2J\\x07\\u{9b}31m\\r\\nb\\x7f\\u{202e}c\\u{2066}\\u{2028}\\tü")
        #expect(safe.unicodeScalars.allSatisfy { !TerminalText.isDangerous($0) })
    }

    @Test func everyControlIsCaught() throws {
        for value in UInt32(0)..<0xA0 where value < 0x20 || value >= 0x7F {
            let scalar = try #require(Unicode.Scalar(value))
            let safe = TerminalText.neutralised("x\(Character(scalar))")
            #expect(safe.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value < 0x7F })
        }
    }

    @Test func innocentTextStays() {
        for text in ["", "hello", "grüße", "漢字", "👩‍👩‍👧", "a\u{300}", "اب"] {
            #expect(TerminalText.neutralised(text) == text)
        }
    }

    @Test func widths() {
        #expect(TerminalText.width(of: "abc") == 3)
        #expect(TerminalText.width(of: "漢字") == 4)
        #expect(TerminalText.width(of: "a\u{300}e") == 2)
        #expect(TerminalText.width(of: "👩‍👩‍👧") == 2)
        #expect(TerminalText.shortened("漢字漢字", columns: 5) == "漢字…")
    }

    @Test func jsonIsOneSafeLine() {
        var line = JSONLine()
        line.add("body", "a\"\\\n\u{1B}\u{9B}\u{E0041}")
        line.add("t", UInt64(5))
        #expect(line.text == #"{"body":"a\"\\\n\u001b\u009b\udb40\udc41","t":5}"#)
    }
}

struct EventTextTests {
    @Test(arguments: [
        (
            ClientEvent.connecting,
            #"{"kind":"connecting","from":null,"to":null,"id":null,"body":null}"#
        ),
        (
            .online(jid: bobJID, resumedTLS: true),
            #"{"kind":"online","from":null,"to":"bob@example.org/3","id":null,"body":null,"resumed":true}"#
        ),
        (
            .message(
                IncomingMessage(
                    from: bobJID, id: makeID("M1"), body: "\u{1B}\n", sentAt: 5,
                    node: incoming("M1"))),
            #"{"kind":"message","from":"bob@example.org/3","to":"alice@example.org","id":"M1","body":"\u001b\n","t":5}"#
        ),
        (
            .acked(makeID("M1")),
            #"{"kind":"ack","from":"alice@example.org","to":"carol@example.org","id":"M1","body":null,"state":"acked"}"#
        ),
        (
            .delivered(makeID("M1"), by: bobJID),
            #"{"kind":"receipt","from":"bob@example.org/3","to":"alice@example.org","id":"M1","body":null,"state":"delivered"}"#
        ),
        (
            .failed(makeID("M1"), condition: "item-not-found", text: "who?"),
            #"{"kind":"failed","from":"alice@example.org","to":"carol@example.org","id":"M1","body":null,"state":"item-not-found","text":"who?"}"#
        ),
        (
            .presence(from: bobJID.bare, available: false, at: 7),
            #"{"kind":"presence","from":"bob@example.org","to":"alice@example.org","id":null,"body":null,"state":"unavailable","t":7}"#
        ),
        (
            .chatstate(from: bobJID, composing: true),
            #"{"kind":"chatstate","from":"bob@example.org/3","to":"alice@example.org","id":null,"body":null,"state":"composing"}"#
        ),
        (
            .disconnected(.closedByServer, retryInMs: 9),
            #"{"kind":"disconnected","from":null,"to":null,"id":null,"body":null,"text":"closed by the server","retryInMs":9}"#
        ),
        (
            .stopped(nil),
            #"{"kind":"stopped","from":null,"to":null,"id":null,"body":null}"#
        ),
    ])
    func everyLineHasTheFiveMembers(_ event: ClientEvent, _ line: String) {
        #expect(event.json(for: aliceJID, recipient: makeJID("carol@example.org")) == line)
    }
}

struct PasswordTests {
    @Test func oneLineEndIsTrimmed() {
        #expect(Password.password(inFile: Array("secret".utf8)) == "secret")
        #expect(Password.password(inFile: Array("secret\n".utf8)) == "secret")
        #expect(Password.password(inFile: Array("secret\r\n".utf8)) == "secret")
        #expect(Password.password(inFile: Array(" secret \n\n".utf8)) == " secret \n")
        #expect(Password.password(inFile: Array("\n".utf8)) == nil)
        #expect(Password.password(inFile: []) == nil)
        #expect(Password.password(inFile: [0xFF, 0x0A]) == nil)
    }

    @Test func serverAddresses() {
        #expect(ServerAddress(argument: "::1") == nil)
        #expect(ServerAddress(argument: "host:0") == nil)
        #expect(ServerAddress(argument: "host:99999") == nil)
        #expect(ServerAddress(argument: ":5223") == nil)
        let address = ServerAddress(argument: "[::1]:5224")
        #expect(address?.host == "::1" && address?.port == 5224)
        #expect(ServerAddress(argument: "gateway.example")?.port == 5223)
    }
}

struct ChatModelTests {
    @Test func linesBecomeMessagesAndCommands() {
        var model = ChatModel(jid: aliceJID, partner: nil)
        #expect(model.submit("hello").requests.isEmpty)
        _ = model.submit("/with bob")
        #expect(model.partner == bobJID.bare)
        #expect(model.submit("hello").requests == [.post(to: bobJID.bare, text: "hello")])
        #expect(model.submit("//x").requests == [.post(to: bobJID.bare, text: "/x")])
        #expect(model.submit("  ").requests.isEmpty)
        #expect(model.submit("/quit").requests == [.quit])
        #expect(model.submit("/bo\u{1B}m").lines == ["No command /bo\\x1bm; /help lists them."])
    }

    @Test func ticksNameTheMessage() {
        var model = ChatModel(jid: aliceJID, partner: bobJID.bare)
        let id = makeID("X1")
        #expect(model.posted(id, to: bobJID.bare, text: "a\u{1B}") == ["#1 you → bob: a\\x1b"])
        #expect(model.receive(.acked(id)).lines == ["#1 ✓ sent"])
        #expect(model.receive(.delivered(id, by: bobJID)).lines == ["#1 ✓✓ delivered to bob/3"])
        #expect(model.receive(.delivered(id, by: bobJID)).lines.isEmpty)
        #expect(model.receive(.read(id, by: bobJID)).lines == ["#1 ✓✓ read by bob/3"])
        #expect(model.receive(.read(id, by: bobJID)).lines.isEmpty)
        #expect(model.recipient(of: id) == bobJID.bare)
        #expect(model.recipient(of: makeID("X2")) == nil)
    }

    @Test func whatHasExpiredIsTold() {
        var model = ChatModel(jid: aliceJID, partner: bobJID.bare)
        let id = makeID("X1")
        _ = model.posted(id, to: bobJID.bare, text: "a")
        let other = makeJID("bob@example.org/4")
        #expect(
            model.receive(.expired(id, for: other)).lines == ["#1 ✗ not delivered to bob/4 in time"]
        )
        #expect(model.receive(.delivered(id, by: bobJID)).lines == ["#1 ✓✓ delivered to bob/3"])
        #expect(model.receive(.expired(id, for: bobJID)).lines.isEmpty)
        #expect(
            model.receive(.expired(makeID("X0"), for: other)).lines
                == ["X0 ✗ not delivered to bob/4 in time"])
        #expect(
            ClientEvent.expired(id, for: other).json(for: aliceJID)
                == #"{"kind":"expired","from":"bob@example.org/4","to":"\#(aliceJID)","id":"X1","body":null}"#
        )
    }

    @Test func anAckAfterAReceiptIsSilent() {
        var model = ChatModel(jid: aliceJID, partner: bobJID.bare)
        let (first, second) = (makeID("X1"), makeID("X2"))
        _ = model.posted(first, to: bobJID.bare, text: "a")
        _ = model.posted(second, to: bobJID.bare, text: "b")
        _ = model.receive(.delivered(first, by: bobJID))
        _ = model.receive(.read(second, by: bobJID))
        #expect(model.receive(.acked(first)).lines.isEmpty)
        #expect(model.receive(.acked(second)).lines.isEmpty)
    }

    @Test func partnersBecomeContactsOnceAConnection() {
        var model = ChatModel(jid: aliceJID, partner: bobJID.bare)
        let online = ClientEvent.online(jid: aliceJID, resumedTLS: false)
        let carol = makeJID("carol@example.org")
        #expect(model.submit("/with carol").requests.isEmpty)
        let both: [ChatModel.Request] = [
            .addContact(bobJID.bare, isQuiet: true), .addContact(carol, isQuiet: true),
        ]
        #expect(model.receive(online).requests == both)
        #expect(model.submit("/with bob").requests.isEmpty)
        #expect(model.submit("/with alice").requests.isEmpty)
        let dave = makeJID("dave@example.org")
        #expect(model.submit("/with dave").requests == [.addContact(dave, isQuiet: true)])
        #expect(model.submit("/add erin").requests.count == 1)
        _ = model.receive(.disconnected(.closedByServer, retryInMs: 5))
        #expect(
            model.receive(online).requests == both + [.addContact(dave, isQuiet: true)])
    }

    @Test func aWriterBecomesThePartnerButNoContact() {
        var model = ChatModel(jid: aliceJID, partner: nil)
        #expect(model.submit("to nobody").isLost)
        let message = IncomingMessage(
            from: bobJID, id: makeID("X1"), body: "hi", sentAt: 0, node: incoming("X1"))
        #expect(model.receive(.message(message)).requests == [.markRead(message)])
        #expect(model.partner == bobJID.bare)
        #expect(
            model.receive(.online(jid: aliceJID, resumedTLS: false)).requests.isEmpty)
    }

    @Test func linesOfAPipe() {
        var splitter = LineSplitter(lineSizeMax: 4)
        #expect(splitter.receive(Array("ab\r\ncdef\r\n\nx".utf8)) == ["ab", "cdef", ""])
        #expect(splitter.finish() == "x")
        #expect(splitter.finish() == nil && splitter.droppedCount == 0)
        // One that is too long is not cut but dropped, also when it is the last.
        #expect(splitter.receive(Array("cdefg\nab\ncdefghi\r\nx".utf8)) == ["ab"])
        #expect(splitter.droppedCount == 2)
        #expect(splitter.receive(Array("yyyyyy".utf8)) == [] && splitter.finish() == nil)
        #expect(splitter.droppedCount == 3)
    }
}
