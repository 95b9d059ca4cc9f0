// An authority that signs whatever a test needs, by the openssl command.

import Foundation
import TLS
import Testing

/// One authority in a directory of its own.
struct Authority: Sendable {
    let directory: String

    /// The one that most tests use.
    static let ours = Authority()

    init() {
        directory = Certificates.ours.path("authority-\(UUID().uuidString)")
        run(
            """
            mkdir -p '\(directory)' && cd '\(directory)' && \
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
              -subj '/CN=Test authority' -addext 'basicConstraints=critical,CA:TRUE' \
              -addext 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature' \
              -keyout ca-key.pem -out ca.pem
            """)
    }

    func path(_ name: String) -> String { directory + "/" + name }

    private func run(_ command: String) {
        #expect(runProgram(["/bin/sh", "-c", "(\(command)) 2> /dev/null"]) == 0, "\(command)")
    }

    /// Makes `name.pem` and `name-key.pem` for these DNS names; `dates` are openssl's own options.
    func issue(
        _ name: String, key: String = "EC -pkeyopt ec_paramgen_curve:P-256", dnsNames: [String],
        purpose: String = "serverAuth", dates: String = "-days 10"
    ) -> TLSCertificateFiles {
        let names = dnsNames.map { "DNS:\($0)" }.joined(separator: ",")
        let alternative = names.isEmpty ? "" : "subjectAltName=\(names)\n"
        run(
            """
            cd '\(directory)' && openssl genpkey -algorithm \(key) -out \(name)-key.pem && \
            openssl req -new -key \(name)-key.pem -subj '/CN=\(name)' -out \(name).csr && \
            printf 'basicConstraints=critical,CA:FALSE\\nextendedKeyUsage=\(purpose)\\n\
            \(alternative)' > \(name).ext && \
            openssl x509 -req -in \(name).csr -CA ca.pem -CAkey ca-key.pem -set_serial 0x$(openssl rand -hex 16) \
              \(dates) -extfile \(name).ext -out \(name).pem && cat ca.pem >> \(name).pem
            """)
        return TLSCertificateFiles(
            chainPath: path("\(name).pem"), privateKeyPath: path("\(name)-key.pem"))
    }

    /// An OCSP response about `name.pem` in `name.ocsp`; `status` is a line of openssl's index.
    func staple(_ name: String, isRevoked: Bool = false, days: String = "-ndays 7") -> String {
        let revoked = isRevoked ? "250101000000Z" : ""
        let kind = isRevoked ? "R" : "V"
        run(
            """
            cd '\(directory)' && serial=$(openssl x509 -in \(name).pem -noout -serial | cut -d= -f2) && \
            printf '\(kind)\\t400101000000Z\\t\(revoked)\\t%s\\tunknown\\t/CN=\(name)\\n' "$serial" \
              > \(name).index && \
            openssl ocsp -issuer ca.pem -cert \(name).pem -reqout \(name).request && \
            openssl ocsp -index \(name).index -rsigner ca.pem -rkey ca-key.pem -CA ca.pem \
              -reqin \(name).request \(days) -respout \(name).ocsp
            """)
        return path("\(name).ocsp")
    }

    var client: TLSClientConfiguration { TLSClientConfiguration(caPath: path("ca.pem")) }

    func server(_ files: [TLSCertificateFiles]) -> TLSServerConfiguration {
        var server = TLSServerConfiguration(certificateChainPath: "", privateKeyPath: "")
        server.certificates = files
        return server
    }
}
