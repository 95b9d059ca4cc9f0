// What a logged-in client sends, and what becomes of it.

internal import Base
internal import Wire

extension Session {
    /// Takes one frame's payload: checks it whole, then acts on it.
    mutating func receiveFrame(
        _ payload: RawSpan, flags: UInt8, at moment: Moment, in environment: SessionEnvironment,
        output: inout ByteBuffer, effects: inout [SessionEffect]
    ) throws(StreamError) {
        guard let compression = Compression.of(flags: flags, agreed: preset) else {
            try receiveNode(
                payload, at: moment, in: environment, output: &output, effects: &effects)
            return
        }
        // Taken out for the call: what the node does may not touch the scratch it lies in.
        var inflated = ByteBuffer()
        swap(&inflated, &environment.inflated)
        defer {
            inflated.clear()
            swap(&inflated, &environment.inflated)
        }
        do {
            // Strangers get no more room by compressing.
            let limits = environment.limits
            try environment.contexts.inflate(
                payload, compression, into: &inflated,
                sizeMax: isOnline ? limits.inflatedSizeMax : limits.frameSizeMaxBeforeLogin)
        } catch {
            throw error.streamError
        }
        try receiveNode(
            inflated.bytes, at: moment, in: environment, output: &output, effects: &effects)
    }

    private mutating func receiveNode(
        _ bytes: RawSpan, at moment: Moment, in environment: SessionEnvironment,
        output: inout ByteBuffer, effects: inout [SessionEffect]
    ) throws(StreamError) {
        let stanza: Stanza
        do {
            try NodeReader.validate(bytes, context: environment.context)
            stanza = try Stanza(bytes, context: environment.context)
        } catch {
            throw error.streamError
        }
        if stanza.tag == .streamEnd {
            peerEndsStream(in: environment, output: &output, effects: &effects)
            return
        }
        switch state {
        case .login(let exchange):
            try receiveLogin(
                stanza, bytes, exchange, at: moment, in: environment, output: &output,
                effects: &effects)
        case .online(let device):
            try receiveOnline(
                stanza, bytes, from: device, at: moment, in: environment, output: &output,
                effects: &effects)
        case .prologue, .ended:
            preconditionFailure("a node while \(state)")
        }
    }

    private mutating func peerEndsStream(
        in environment: SessionEnvironment, output: inout ByteBuffer,
        effects: inout [SessionEffect]
    ) {
        send(in: environment, output: &output) { node, context in
            StanzaWriter.streamEnd(into: &node, context: context)
        }
        connectionLost(effects: &effects)
        effects.append(.note(.closedByPeer))
        effects.append(.close)
    }

    private mutating func receiveOnline(
        _ stanza: Stanza, _ bytes: RawSpan, from device: DeviceAddress, at moment: Moment,
        in environment: SessionEnvironment, output: inout ByteBuffer,
        effects: inout [SessionEffect]
    ) throws(StreamError) {
        guard stanza.from == nil else { throw .invalidFrom }
        let refusal: StanzaCondition?
        switch stanza.tag {
        case .message:
            refusal = try message(stanza, bytes, device, moment, environment, &effects)
        case .receipt:
            refusal = receipt(stanza, device, moment, environment, &effects)
        case .ack:
            refusal = ack(stanza, device, &effects)
        case .presence:
            refusal = presence(stanza, environment)
        case .chatstate:
            refusal = chatstate(stanza, bytes, device, environment, &effects)
        case .iq:
            refusal = iq(stanza, bytes, device, environment, &output, &effects)
        default:
            throw .unsupportedStanzaType
        }
        guard let refusal, stanza.wantsErrors else { return }
        refuse(stanza, bytes, refusal, in: environment, output: &output)
    }

    private mutating func message(
        _ stanza: Stanza, _ bytes: RawSpan, _ device: DeviceAddress, _ moment: Moment,
        _ environment: SessionEnvironment, _ effects: inout [SessionEffect]
    ) throws(StreamError) -> StanzaCondition? {
        guard stanza.allows([.to, .id, .type]), case .nodes(1...) = stanza.content else {
            return .badRequest
        }
        guard let id = stanza.id, stanza.type != .error else { return .badRequest }
        guard let to = stanza.to else { return .jidMalformed }
        guard to.isOwnDomain else { return .remoteServerNotFound }
        guard let recipient = to.local else { return .serviceUnavailable }
        let key = StanzaKey(sender: device, id: id, kind: .message)
        let copy = copy(stanza, bytes, from: device, id, to: recipient, moment, environment)
        StanzaWriter.forwarded(
            stanza, bytes, from: device, id: id, at: moment.unixSeconds,
            into: &environment.node, context: environment.context)
        let size = max(environment.node.count, copy?.count ?? 0)
        guard size < environment.limits.frameSizeMax else {
            environment.node.clear()
            return .notAcceptable  // with its stamps it would not fit its recipient's frame
        }
        // Frames of a shard count up, and so do those of each of its sessions.
        var order = environment.framesReceived
        if let refused = trouble?.refused {
            do throws(RefusedRecipients.Overflow) {
                guard let place = try refused.pass(id, to: recipient, order: order) else {
                    environment.node.clear()
                    return .resourceConstraint  // it would overtake what was refused
                }
                order = place
            } catch {
                environment.node.clear()
                throw .resourceConstraint
            }
        }
        let place = FlowPlace(Flow(origin: address, recipient: recipient), order)
        route(key, to: recipient, to.device, place, copy, moment, environment, &effects)
        return nil
    }

    /// What the sender's other devices are to see of a message to somebody else.
    private func copy(
        _ stanza: Stanza, _ bytes: RawSpan, from device: DeviceAddress, _ id: StanzaID,
        to recipient: Localpart, _ moment: Moment, _ environment: SessionEnvironment
    ) -> [UInt8]? {
        guard hasSiblings, recipient != device.user else { return nil }
        StanzaWriter.copy(
            stanza, bytes, from: device, to: recipient, id: id, at: moment.unixSeconds,
            into: &environment.node, context: environment.context)
        defer { environment.node.clear() }
        return environment.node.copy()
    }

    private mutating func receipt(
        _ stanza: Stanza, _ device: DeviceAddress, _ moment: Moment,
        _ environment: SessionEnvironment, _ effects: inout [SessionEffect]
    ) -> StanzaCondition? {
        guard stanza.allows([.to, .id, .type]), stanza.content == nil, let id = stanza.id,
            stanza.typeValue == nil || stanza.type == .read
        else { return .badRequest }
        guard let to = stanza.to, let sender = to.local, let senderDevice = to.device else {
            return .jidMalformed
        }
        guard to.isOwnDomain else { return .remoteServerNotFound }
        // The message leaves this device's queue; the receipt joins its sender's.
        let received = StanzaKey(
            sender: DeviceAddress(user: sender, device: senderDevice), id: id, kind: .message)
        effects.append(
            .toRouter(home: device.user, .settle(device, address, received, isReceipt: true)))
        let kind: StanzaKind = stanza.type == .read ? .read : .delivered
        let key = StanzaKey(sender: device, id: id, kind: kind)
        StanzaWriter.receipt(
            key, at: moment.unixSeconds, into: &environment.node, context: environment.context)
        route(key, to: sender, senderDevice, nil, nil, moment, environment, &effects)
        return nil
    }

    /// Hands the node in the environment's scratch to the recipient's home.
    private mutating func route(
        _ key: StanzaKey, to recipient: Localpart, _ device: UInt8?, _ place: FlowPlace?,
        _ copy: [UInt8]?, _ moment: Moment, _ environment: SessionEnvironment,
        _ effects: inout [SessionEffect]
    ) {
        let request = EnqueueRequest(
            key: key, recipient: recipient, device: device, payload: environment.node.copy(),
            sentAt: moment.unixSeconds, place: place, copy: copy)
        environment.node.clear()
        unackedCount += 1
        effects.append(.toRouter(home: recipient, .route(request, origin: address)))
    }

    private func ack(
        _ stanza: Stanza, _ device: DeviceAddress, _ effects: inout [SessionEffect]
    ) -> StanzaCondition? {
        guard stanza.isAck else { return .badRequest }
        guard let received = stanza.ackedKey else { return .jidMalformed }
        effects.append(
            .toRouter(home: device.user, .settle(device, address, received, isReceipt: false)))
        return nil
    }

    private func presence(
        _ stanza: Stanza, _ environment: SessionEnvironment
    ) -> StanzaCondition? {
        guard stanza.to == nil else { return .featureNotImplemented }
        guard stanza.allows([.id, .type]), stanza.content == nil,
            stanza.typeValue == nil || stanza.type == .unavailable
        else { return .badRequest }
        environment.availability = stanza.typeValue == nil
        return nil
    }

    private func chatstate(
        _ stanza: Stanza, _ bytes: RawSpan, _ device: DeviceAddress,
        _ environment: SessionEnvironment, _ effects: inout [SessionEffect]
    ) -> StanzaCondition? {
        guard stanza.allows([.to, .id]), case .nodes(1) = stanza.content,
            stanza.child == .composing || stanza.child == .paused, stanza.childIsBare
        else { return .badRequest }
        guard let to = stanza.to, let recipient = to.local, to.isOwnDomain else {
            return .jidMalformed
        }
        StanzaWriter.chatstate(
            stanza, bytes, from: device, into: &environment.node, context: environment.context)
        let payload = environment.node.copy()
        environment.node.clear()
        effects.append(
            .toRouter(
                home: recipient, .transient(to: recipient, device: to.device, payload: payload)))
        return nil
    }

    private mutating func iq(
        _ stanza: Stanza, _ bytes: RawSpan, _ device: DeviceAddress,
        _ environment: SessionEnvironment, _ output: inout ByteBuffer,
        _ effects: inout [SessionEffect]
    ) -> StanzaCondition? {
        guard stanza.allows([.to, .id, .type]), let id = stanza.id else { return .badRequest }
        if stanza.toValue != nil {
            guard let to = stanza.to else { return .jidMalformed }
            guard to.isOwnDomain && to.local == nil else { return .serviceUnavailable }
        }
        switch (stanza.type, stanza.child) {
        case (.result, _), (.error, _):
            return nil  // the answer to our ping; that it came is all we wanted
        case (.get, .ping):
            send(in: environment, output: &output) { node, context in
                StanzaWriter.result(id, into: &node, context: context)
            }
            return nil
        case (.get, .contacts), (.set, .contacts):
            guard
                let changes = ContactChanges(
                    stanza, bytes, context: environment.context,
                    countMax: environment.limits.contactChangesPerIQMax)
            else { return .badRequest }
            unackedCount += Self.contactsWeight
            let request = ContactsRequest(
                device: device, session: address, iq: id, add: changes.add, remove: changes.remove)
            effects.append(.toRouter(home: device.user, .contacts(request)))
            return nil
        case (.get, _), (.set, _):
            return .featureNotImplemented
        default:
            return .badRequest
        }
    }

    private func refuse(
        _ stanza: Stanza, _ bytes: RawSpan, _ condition: StanzaCondition,
        in environment: SessionEnvironment, output: inout ByteBuffer
    ) {
        StanzaWriter.refusal(
            of: stanza, bytes, condition, after: environment.retryAfterS,
            into: &environment.node, context: environment.context)
        finishNode(in: environment, output: &output)
    }
}
