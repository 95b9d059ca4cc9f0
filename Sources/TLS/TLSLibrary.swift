// Which library does the work, for reports.

internal import COpenSSL

/// The OpenSSL that is loaded.
package enum TLSLibrary {
    /// As "OpenSSL 3.0.17 1 Jul 2025".
    package static var version: String {
        OpenSSL_version(OPENSSL_VERSION).map { String(cString: $0) } ?? "unknown"
    }
}
