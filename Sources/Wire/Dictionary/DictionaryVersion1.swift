// The words of dictionary version 1, made by `make dictionary` from Source/words-1.txt.
// Do not change this file.

/// Dictionary version 1 as text: words in order, separated by blanks and line ends.
enum DictionaryVersion1 {
    /// The single-byte table from index 4 on; 1 and 2 are the control words, 3 is the own domain.
    static let single = """
        message receipt ack presence iq chatstate to from id type t jid device class text body read
        delivered composing paused available unavailable ping pong get set result error ok
        stream:error stream:features auth challenge response success failure mechanism SCRAM-SHA-256
        SCRAM-SHA-256-PLUS replaced resume code version cancel continue modify wait bad-request
        feature-not-implemented forbidden internal-server-error item-not-found jid-malformed
        not-acceptable not-allowed not-authorized recipient-unavailable remote-server-not-found
        resource-constraint service-unavailable bad-format conflict connection-timeout host-unknown
        invalid-from policy-violation system-shutdown unsupported-version unsupported-stanza-type
        undefined-condition invalid-mechanism malformed-request temporary-auth-failure
        mechanism-too-weak contacts contact remove add update subscribe subscribed unsubscribe
        unsubscribed name notify nickname avatar status about block unblock blocked profile privacy
        user users phone email last seen enc v payload key keys data media image video audio voice
        file document sticker location url link preview title description thumbnail caption mimetype
        size width height duration hash filehash lang reply thread quote mention mentions reaction
        emoji edit delete revoke forward forwarded expires ephemeral timestamp image/jpeg image/png
        image/webp video/mp4 audio/ogg audio/mp4 application/pdf text/plain group groups
        participants participant admin owner member members role create leave join invite subject
        broadcast list item items query devices prekey prekeys identity signed-prekey signature
        session msg registration platform android ios web push token config features call offer
        accept reject terminate ringing candidate relay true false 0 1 2 3 4 5 on off all none full
        default index count limit before after first next since mode sync history archive context
        offline priority in out value reason xmlns deflate
        """

    /// Double-byte dictionary 0 from index 0 on.
    static let double0 = """
        gone payment-required redirect registration-required remote-server-timeout
        subscription-required unexpected-request bad-namespace-prefix host-gone improper-addressing
        invalid-namespace invalid-xml not-well-formed remote-connection-failed reset restricted-xml
        see-other-host unsupported-encoding unsupported-feature aborted account-disabled
        credentials-expired encryption-required incorrect-encoding invalid-authzid abort bind
        starttls required optional SCRAM-SHA-512 SCRAM-SHA-512-PLUS OAUTHBEARER EXTERNAL ANONYMOUS
        PLAIN tls-exporter tls-server-end-point initial-response additional-data device-name
        device-count session-id sessions logout login register unregister password username account
        accounts away dnd xa chat idle active inactive recording typing online last-seen invisible
        show normal headline groupchat probe subscription ask both pending roster stanza-id
        origin-id delay stamp carbons carbon sent received enable disable enabled disabled markable
        displayed acknowledged request inactive-since disco feature node field form options option
        submit publish retract retracted replace correction fallback hint hints store no-store
        no-permanent-store no-copy xml:lang image/gif image/heic image/avif video/webm
        video/quicktime video/3gpp audio/aac audio/mpeg audio/opus audio/amr audio/wav
        application/octet-stream application/json application/zip application/gzip application/xml
        text/html text/markdown text/vcard text/calendar text/csv application/msword
        application/vnd.ms-excel
        application/vnd.openxmlformats-officedocument.wordprocessingml.document
        application/vnd.openxmlformats-officedocument.spreadsheetml.document
        application/vnd.openxmlformats-officedocument.presentationml.presentation poll poll-option
        poll-vote vote votes question answer event start-time end-time reminder pin unpin star
        unstar mute unmute archived draft drafts template button buttons card carousel footer header
        product catalog order invoice payment amount currency checksum sha256 iv mac ciphertext
        plaintext encrypted encryption padding chunk chunks upload download slot put host port path
        direct-path expiry view-once gallery album waveform pages page author artist blurhash
        filename file-name file-size media-key thumbnail-url channel channels community communities
        announcement moderator moderators owner-jid created creation creator kick ban unban promote
        demote approve approval lock unlock topic invite-link invite-code links membership
        visibility public private secret ice sdp audio-call video-call hangup busy timeout missed
        declined transport codec bitrate mute-audio mute-video hold ssrc fingerprint candidates
        """
}
