// Runs a chat: the client's events, the terminal or a pipe, and a clock meet in one actor, so that
// what is printed never tears the line being written.

internal import Client
internal import Glibc
internal import Wire

/// One `tern chat`.
actor ChatLoop {
    /// Without a key for this long the user has paused.
    private static let composingTimeoutMs: UInt64 = 6_000
    /// How long a chat from a pipe waits for its last acks.
    private static let lastAcksTimeout = Duration.seconds(30)

    private let client: Client
    private let jid: JID
    private let isJSON: Bool
    private let isInteractive: Bool
    private var model: ChatModel
    private var editor = LineEditor()
    private var splitter = LineSplitter(lineSizeMax: ClientLimits.bodySizeMax)
    /// Lines of a pipe that wait for room in the outbox.
    private var waitingLines: [String] = []
    private var isSubmitting = false
    private var submitsAgain = false
    private var unacked: Set<StanzaID> = []
    /// Contacts that are being added.
    private var askCount = 0
    private var isInputFinished = false
    /// Whether there ever was a login.
    private var wasOnline = false
    private var isQuitting = false
    private var failure: Failure?
    private var isOutputBroken = false
    /// Whom we told that we are writing, and how many ticks ago the last key was.
    private var composingTo: JID?
    private var ticksSinceKey: UInt64 = 0

    init(client: Client, jid: JID, partner: JID?, json: Bool, isInteractive: Bool) {
        self.client = client
        self.jid = jid
        self.isJSON = json
        self.isInteractive = isInteractive
        model = ChatModel(jid: jid, partner: partner)
    }

    /// Runs until the user or the client ends it.
    func run() async throws {
        let reader = try TerminalReader()
        if isInteractive, !Terminal.makeRaw() {
            throw Failure(.usage, "the terminal cannot be put into raw mode")
        }
        defer { Terminal.restore() }
        try client.start()
        // What an earlier chat could not send.
        for message in try await client.outbox() {
            unacked.insert(message.id)
            show(model.posted(message.id, to: message.to, text: message.body))
        }
        try reader.start(isInteractive: isInteractive)
        draw()
        let input = Task { [self] in
            for await chunk in reader.input {
                await receive(chunk)
                await waitForRoom()
                reader.resume()
            }
        }
        let signals = Task { [self] in
            for await number in reader.signals { await receive(signal: number) }
        }
        let clock = Task { [self] in
            while !Task.isCancelled {
                try await Task.sleep(for: .seconds(1))
                tick()
            }
        }
        for await event in client.events { await receive(event) }
        input.cancel()
        signals.cancel()
        clock.cancel()
        if isInteractive { writeAll(Array(LineEditor.erase.utf8), to: STDOUT_FILENO) }
        Terminal.restore()
        if let failure { throw failure }
    }

    // MARK: Input

    private func receive(_ input: TerminalInput) async {
        switch input {
        case .bytes(let bytes) where isInteractive:
            for action in editor.receive(bytes) { await obey(action) }
            noteComposing()
        case .bytes(let bytes):
            take(splitter.receive(bytes))
            await submitWaiting()
        case .endOfInput:
            take(splitter.finish().map { [$0] } ?? [])
            isInputFinished = true
            await submitWaiting()
            await finishIfDone()
            limitLastAcks()
        }
    }

    /// Lines of a pipe, behind those that wait.
    private func take(_ lines: [String]) {
        waitingLines += lines
        guard splitter.droppedCount > 0 else { return }
        noteLoss("a line was longer than the \(ClientLimits.bodySizeMax) bytes of a message")
    }

    private func receive(signal number: Int32) async {
        guard number != SIGWINCH else { return draw() }
        let text = number == SIGINT ? "interrupted" : "ended by a signal"
        await quit(Failure(.interrupted, text))
    }

    private func obey(_ action: LineEditor.Action) async {
        switch action {
        case .redraw: draw()
        case .bell: writeAll([0x07], to: STDOUT_FILENO)
        case .clearScreen:
            writeAll(Array("\u{1B}[H\u{1B}[2J".utf8), to: STDOUT_FILENO)
            draw()
        case .endOfInput: await quit(nil)
        case .interrupt:
            if editor.line.isEmpty {
                await quit(Failure(.interrupted, "interrupted"))
            } else {
                editor.clear()
                draw()
            }
        case .submit(let line):
            composingTo = nil
            draw()
            _ = await submit(line)
        }
    }

    /// Submits lines of a pipe as far as the outbox has room. Called while it runs, by an ack or for more
    /// lines, it goes on once more when it is done: lines keep their order and no room is missed.
    private func submitWaiting() async {
        submitsAgain = true
        guard !isSubmitting else { return }
        isSubmitting = true
        defer { isSubmitting = false }
        while submitsAgain {
            submitsAgain = false
            while !waitingLines.isEmpty, !isQuitting {
                guard await submit(waitingLines[0]) else { break }
                waitingLines.removeFirst()
            }
        }
    }

    /// A pipe is read on only when its lines have found room.
    private func waitForRoom() async {
        while !waitingLines.isEmpty, !isQuitting {
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    /// False when the outbox has no room for the line's message.
    private func submit(_ line: String) async -> Bool {
        let outcome = model.submit(line)
        for request in outcome.requests {
            guard case .post(let to, let text) = request else { continue }
            let id = Client.makeID()
            do throws(ClientError) {
                unacked.insert(id)  // before its ack can come
                _ = try await client.post(to: to, body: text, id: id)
                show(model.posted(id, to: to, text: text))
            } catch .outboxFull where !isInteractive {
                unacked.remove(id)
                return false
            } catch {
                unacked.remove(id)
                warn("Not sent: \(error)")
                if !isInteractive { failure = failure ?? Failure(error) }
            }
        }
        show(outcome.lines)
        if outcome.isLost { noteLoss("a message had no recipient") }
        await carryOut(outcome.requests)
        return true
    }

    // MARK: Events

    private func receive(_ event: ClientEvent) async {
        if isJSON { put(event.json(for: jid, recipient: recipient(of: event)) + "\n") }
        let outcome = model.receive(event)
        show(outcome.lines)
        // What could not be shown is not acknowledged: it comes again.
        if isOutputBroken { await quit(nil) } else { await carryOut(outcome.requests) }
        switch event {
        case .acked(let id), .failed(let id, _, _):
            unacked.remove(id)
            if case .failed = event { noteLoss("a message was refused") }
            await submitWaiting()
            await finishIfDone()
        case .online:
            wasOnline = true
            draw()
            await finishIfDone()
        case .disconnected:
            draw()
        case .stopped(let error?):
            failure = failure ?? Failure(error)
        default:
            break
        }
    }

    private func recipient(of event: ClientEvent) -> JID? {
        switch event {
        case .acked(let id), .failed(let id, _, _): model.recipient(of: id)
        default: nil
        }
    }

    /// Programs that feed a chat must learn that something of it was lost.
    private func noteLoss(_ text: String) {
        if !isInteractive, failure == nil { failure = Failure(.data, text) }
    }

    private func carryOut(_ requests: [ChatModel.Request]) async {
        for request in requests {
            switch request {
            case .post: break
            case .markRead(let message): try? await client.markRead(message)
            case .acknowledge(let copy): try? await client.acknowledge(copy)
            case .quit: await quit(nil)
            case .addContact(let contact, let isQuiet): addContact(contact, isQuiet)
            }
        }
    }

    /// Asks in a task of its own: the answer comes from the same loop's connection.
    private func addContact(_ contact: JID, _ isQuiet: Bool) {
        askCount += 1
        Task { [client, self] in
            do throws(ClientError) {
                try await client.addContact(contact)
                if !isQuiet { show(["\(contact) is a contact."]) }
            } catch {
                // What became of the connection is told anyway, and the next one brings another attempt.
                if !isQuiet || isRefusal(error) {
                    warn("\(contact) is not made a contact: \(error)")
                }
            }
            askCount -= 1
            await finishIfDone()
        }
    }

    private nonisolated func isRefusal(_ error: ClientError) -> Bool {
        switch error {
        case .refused, .tooManyRequests: true
        default: false
        }
    }

    // MARK: Chat states

    private func noteComposing() {
        ticksSinceKey = 0
        let isWriting = !editor.line.isEmpty && !editor.line.hasPrefix("/")
        if isWriting, let partner = model.partner, composingTo != partner {
            composingTo = partner
            try? client.chatstate(to: partner, composing: true)
        } else if !isWriting {
            stopComposing()
        }
    }

    private func stopComposing() {
        guard let to = composingTo else { return }
        composingTo = nil
        try? client.chatstate(to: to, composing: false)
    }

    private func tick() {
        ticksSinceKey += 1
        if ticksSinceKey * 1000 >= Self.composingTimeoutMs { stopComposing() }
    }

    // MARK: The end

    private func finishIfDone() async {
        // Without a login nobody knows whether the password is right.
        guard wasOnline || isInteractive else { return }
        guard isInputFinished, waitingLines.isEmpty, unacked.isEmpty, askCount == 0 else {
            return
        }
        await quit(nil)
    }

    private func limitLastAcks() {
        Task { [self] in
            try await Task.sleep(for: Self.lastAcksTimeout)
            let text =
                wasOnline
                ? "the gateway did not ack everything in time"
                : "the gateway could not be reached in time"
            await quit(Failure(.unavailable, text))
        }
    }

    private func quit(_ failure: Failure?) async {
        guard !isQuitting else { return }
        isQuitting = true
        self.failure = self.failure ?? failure
        stopComposing()
        // Not awaited here: its last events come through this actor.
        Task { [client] in await client.close() }
    }

    // MARK: Output

    private func show(_ lines: [String]) {
        guard !lines.isEmpty, !isJSON else { return }
        if isInteractive {
            put(editor.print(above: lines, prompt: model.prompt, columns: Terminal.columns))
        } else {
            for line in lines { put(line + "\n") }
        }
    }

    /// Prints; a chat whose output is broken ends.
    private func put(_ text: String) {
        guard !isOutputBroken else { return }
        do throws(Failure) {
            try output(text)
        } catch {
            isOutputBroken = true
            failure = failure ?? error
        }
    }

    /// Shows what went wrong, also to those who read JSON.
    private func warn(_ text: String) {
        if isJSON { complain(text) } else { show([TerminalText.neutralised(text)]) }
    }

    private func draw() {
        guard isInteractive, !isQuitting else { return }
        put(editor.render(prompt: model.prompt, columns: Terminal.columns))
    }
}
