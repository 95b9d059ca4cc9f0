// Bytes from and to a client's connection, through TLS. Buffers are the thread's; a client keeps only what
// is left over.

internal import Base
internal import Reactor
internal import TLS
internal import Wire

extension WorkerLoop {
    /// Reads once and takes what came.
    func receive(_ index: Int) throws(BenchFailure) {
        switch transport.read(index, into: scratch) {
        case .bytes(let count):
            try take(index, UnsafeRawBufferPointer(rebasing: scratch[..<count]))
        case .wouldBlock:
            return
        case .closed:
            throw closedByPeer(index)
        case .failed(let code):
            throw BenchFailure("read: \(errorText(code))")
        }
    }

    private func closedByPeer(_ index: Int) -> BenchFailure {
        BenchFailure(
            clients[index].phase == .online
                ? "closed by the gateway" : "closed by the gateway: \(clients[index].phase)")
    }

    private func take(
        _ index: Int, _ ciphertext: UnsafeRawBufferPointer
    ) throws(BenchFailure) {
        var bytes = ByteBuffer()
        swap(&bytes, &plaintext)
        defer { swap(&bytes, &plaintext) }
        bytes.clear()
        if let spill = clients[index].spill, !spill.input.isEmpty {
            bytes.append(contentsOf: spill.input)
            spill.input.release()
        }
        let status: TLSStatus?
        do throws(TLSError) {
            status = try clients[index].tls?.receive(
                ciphertext, plaintext: &bytes, output: &output, ciphers: ciphers)
        } catch {
            throw BenchFailure("TLS: \(error)")
        }
        if let facts = clients[index].tls?.takeFacts() { beginLogin(index, facts) }
        let used = try takeFrames(index, bytes.bytes)
        guard clients[index].phase != .absent else {
            output.clear()
            return
        }
        if case .sending(let sending) = task { sending.fill(index) }
        try seal(index)
        if used < bytes.count {
            bytes.consume(used)
            spill(of: index).input.append(contentsOf: bytes)
        }
        if status == .closed { throw closedByPeer(index) }
        dropSpill(index)
    }

    /// Acts on every whole frame; returns how many bytes they were.
    private func takeFrames(_ index: Int, _ bytes: RawSpan) throws(BenchFailure) -> Int {
        var used = 0
        while clients[index].phase != .absent {
            let rest = bytes.extracting(used..<bytes.byteCount)
            let step: FrameStep
            do throws(WireError) {
                step = try FrameSplitter.next(in: rest, frameSizeMax: WireLimits.frameSizeMax)
            } catch {
                throw BenchFailure("protocol: \(error)")
            }
            guard case .frame(let flags, let range, let size) = step else { break }
            used += size
            switch flags {
            case FrameFlags.plain: try takeNode(index, rest.extracting(range))
            case FrameFlags.deflated: try takeDeflated(index, rest.extracting(range))
            default: throw BenchFailure("protocol: flags that were not asked for")
            }
        }
        return used
    }

    private func takeDeflated(_ index: Int, _ payload: RawSpan) throws(BenchFailure) {
        var whole = ByteBuffer()
        swap(&whole, &inflated)
        defer { swap(&whole, &inflated) }
        whole.clear()
        do throws(WireError) {
            try inflater.inflate(payload, into: &whole)
        } catch {
            throw BenchFailure("protocol: \(error)")
        }
        try takeNode(index, whole.bytes)
    }

    /// Sends the frames at hand.
    func seal(_ index: Int) throws(BenchFailure) {
        if !frames.isEmpty {
            var sealed = ByteBuffer()
            swap(&sealed, &frames)
            defer {
                sealed.clear()
                swap(&sealed, &frames)
            }
            do throws(TLSError) {
                try clients[index].tls?.send(sealed.bytes, output: &output, ciphers: ciphers)
            } catch {
                output.clear()
                throw BenchFailure("TLS: \(error)")
            }
        }
        try send(index)
    }

    /// Writes the sealed bytes at hand; what the connection does not take is kept.
    func send(_ index: Int) throws(BenchFailure) {
        defer { output.clear() }
        if let spill = clients[index].spill, !spill.output.isEmpty {
            spill.output.append(contentsOf: output)
            try flushSpill(index)
            return
        }
        while !output.isEmpty {
            let result = output.withUnsafeBytes { transport.write(index, $0) }
            switch result {
            case .bytes(let count): output.consume(count)
            case .wouldBlock:
                spill(of: index).output.append(contentsOf: output)
                output.clear()
            case .closed: throw BenchFailure("closed by the gateway")
            case .failed(let code): throw BenchFailure("write: \(errorText(code))")
            }
        }
        awaitRoom(index)
    }

    /// Writes what was kept.
    func flushSpill(_ index: Int) throws(BenchFailure) {
        if let spill = clients[index].spill {
            guard spill.output.count <= BenchLimits.outputSizeMax else {
                throw BenchFailure("the gateway does not read")
            }
            while !spill.output.isEmpty {
                let result = spill.output.withUnsafeBytes { transport.write(index, $0) }
                if result == .wouldBlock { break }
                switch result {
                case .bytes(let count): spill.output.consume(count)
                case .failed(let code): throw BenchFailure("write: \(errorText(code))")
                default: throw BenchFailure("closed by the gateway")
                }
            }
        }
        dropSpill(index)
        awaitRoom(index)
    }

    private func awaitRoom(_ index: Int) {
        let isAwaited = !(clients[index].spill?.output.isEmpty ?? true)
        transport.awaitRoom(index, isAwaited, token: token(index))
    }

    private func spill(of index: Int) -> Spill {
        if let spill = clients[index].spill { return spill }
        let spill = Spill()
        clients[index].spill = spill
        return spill
    }

    private func dropSpill(_ index: Int) {
        if clients[index].spill?.isEmpty ?? false { clients[index].spill = nil }
    }
}
