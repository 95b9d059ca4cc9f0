// What Swift cannot import from the C library of Linux: calls behind _GNU_SOURCE, macros, packed
// structs and socket addresses. Each function returns what the call returned and leaves errno alone.
// _GNU_SOURCE is defined in CLinux.c only: in a module header it would leak into other modules.
#ifndef CLINUX_H
#define CLINUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sockaddr;

/// An IP socket address: IPv4 lies in the low 32 bits of `low`, all numbers in host order.
struct clinux_address {
    uint64_t high;
    uint64_t low;
    uint32_t scope;
    uint16_t port;
    /// 4, 6, or 0 when the address is of another family.
    uint16_t version;
};

/// One readiness report; at least as large as the kernel's packed struct.
struct clinux_event {
    uint64_t token;
    uint64_t flags;
};

struct clinux_credentials {
    int32_t process;
    uint32_t user;
    uint32_t group;
};

enum {
    CLINUX_READABLE = 0x001,
    CLINUX_WRITABLE = 0x004,
    CLINUX_ERROR = 0x008,
    CLINUX_HANGUP = 0x010,
    CLINUX_PEER_CLOSED = 0x2000,
};
/// The edge-triggered bit of an interest.
static const uint32_t clinux_edge = 1u << 31;

// Polling
int clinux_epoll_create(void);
int clinux_epoll_add(int epoll, int descriptor, uint32_t flags, uint64_t token);
int clinux_epoll_modify(int epoll, int descriptor, uint32_t flags, uint64_t token);
int clinux_epoll_remove(int epoll, int descriptor);
int clinux_epoll_wait(int epoll, struct clinux_event *events, int count_max, int timeout_ms);
int clinux_eventfd(void);
int clinux_signalfd(const int32_t *signals, int count);
/// Blocks (or, with `block` false, lets through) the signals in the calling thread.
int clinux_mask_signals(const int32_t *signals, int count, bool block);
/// One waiting signal's number.
int clinux_read_signal(int descriptor);

// Sockets
int clinux_socket(int version);
int clinux_unix_socket(void);
int clinux_socket_pair(int *first, int *second);
int clinux_bind(int descriptor, const struct clinux_address *address);
int clinux_connect(int descriptor, const struct clinux_address *address);
int clinux_accept(int descriptor, struct clinux_address *peer);
int clinux_local_address(int descriptor, struct clinux_address *address);
int clinux_peer_address(int descriptor, struct clinux_address *address);
void clinux_address_from(const struct sockaddr *source, size_t size, struct clinux_address *address);
/// Size limit of a Unix socket's path, without its closing NUL.
size_t clinux_unix_path_max(void);
int clinux_unix_bind(int descriptor, const char *path);
int clinux_unix_connect(int descriptor, const char *path);
bool clinux_is_socket_file(const char *path);
ssize_t clinux_receive(int descriptor, void *bytes, size_t size);
ssize_t clinux_send(int descriptor, const void *bytes, size_t size);
int clinux_shutdown_write(int descriptor);
int clinux_take_error(int descriptor, int *code);
int clinux_peer_credentials(int descriptor, struct clinux_credentials *credentials);

// Socket options
int clinux_set_reuse_address(int descriptor);
int clinux_set_reuse_port(int descriptor);
int clinux_set_only_ipv6(int descriptor);
int clinux_set_bind_no_port(int descriptor);
int clinux_set_no_delay(int descriptor, bool on);
int clinux_set_user_timeout(int descriptor, uint32_t timeout_ms);
int clinux_set_send_buffer(int descriptor, int size);
int clinux_set_receive_buffer(int descriptor, int size);
int clinux_set_reset_on_close(int descriptor);

// Network devices of the calling thread's network namespace
/// Opens a TUN device without packet information. `name` has room for CLINUX_INTERFACE_NAME_SIZE bytes; "%d"
/// in it becomes the lowest free number.
int clinux_tun_open(char *name);
/// Sizes, then up. `queue_count` is how many packets wait at most.
int clinux_interface_start(const char *name, int packet_size_max, int queue_count);
int clinux_interface_up(const char *name);
/// Sends packets for an IPv4 network to an interface.
int clinux_route_add(const char *name, uint32_t network, uint32_t mask);
int clinux_unshare_network(void);
enum { CLINUX_INTERFACE_NAME_SIZE = 16 };

// Process and threads
int clinux_set_thread_name(const char *name);
int clinux_unshare_descriptors(void);
int clinux_descriptor_limit(uint64_t *soft, uint64_t *hard);
int clinux_set_descriptor_limit(uint64_t soft, uint64_t hard);
int clinux_process_usage(uint64_t *user_ns, uint64_t *system_ns);
long clinux_page_size(void);
/// Processors this process may run on.
int clinux_core_count(void);
/// Closes all descriptors of the calling thread's table in [first, last].
int clinux_close_range(uint32_t first, uint32_t last);
/// glibc's allocator: see Allocator.swift for what is set and why.
bool clinux_allocator_configure(int arena_count_max, int mmap_threshold, int trim_threshold);
/// Gives free memory back to the system; whether there was any.
bool clinux_allocator_trim(void);

#endif
