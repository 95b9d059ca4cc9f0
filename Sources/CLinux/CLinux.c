#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <malloc.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

_Static_assert(CLINUX_READABLE == EPOLLIN, "EPOLLIN");
_Static_assert(CLINUX_WRITABLE == EPOLLOUT, "EPOLLOUT");
_Static_assert(CLINUX_ERROR == EPOLLERR, "EPOLLERR");
_Static_assert(CLINUX_HANGUP == EPOLLHUP, "EPOLLHUP");
_Static_assert(CLINUX_PEER_CLOSED == EPOLLRDHUP, "EPOLLRDHUP");
_Static_assert((1u << 31) == (uint32_t)EPOLLET, "EPOLLET");
_Static_assert(CLINUX_INTERFACE_NAME_SIZE == IFNAMSIZ, "IFNAMSIZ");
_Static_assert(sizeof(struct epoll_event) <= sizeof(struct clinux_event), "events widen in place");

// Polling

int clinux_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

static int control(int epoll, int operation, int descriptor, uint32_t flags, uint64_t token) {
    struct epoll_event event = {.events = flags, .data.u64 = token};
    return epoll_ctl(epoll, operation, descriptor, &event);
}

int clinux_epoll_add(int epoll, int descriptor, uint32_t flags, uint64_t token) {
    return control(epoll, EPOLL_CTL_ADD, descriptor, flags, token);
}

int clinux_epoll_modify(int epoll, int descriptor, uint32_t flags, uint64_t token) {
    return control(epoll, EPOLL_CTL_MOD, descriptor, flags, token);
}

int clinux_epoll_remove(int epoll, int descriptor) {
    return control(epoll, EPOLL_CTL_DEL, descriptor, 0, 0);
}

int clinux_epoll_wait(int epoll, struct clinux_event *events, int count_max, int timeout_ms) {
    int count = epoll_wait(epoll, (struct epoll_event *)(void *)events, count_max, timeout_ms);
    // The kernel's events are narrower than ours: widen them in place, from the last to the first.
    const unsigned char *packed = (const unsigned char *)events;
    for (int index = count - 1; index >= 0; index -= 1) {
        struct epoll_event narrow;
        memcpy(&narrow, packed + (size_t)index * sizeof narrow, sizeof narrow);
        struct clinux_event wide = {.token = narrow.data.u64, .flags = narrow.events};
        memcpy(&events[index], &wide, sizeof wide);
    }
    return count;
}

int clinux_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

static void fill(sigset_t *set, const int32_t *signals, int count) {
    sigemptyset(set);
    for (int index = 0; index < count; index += 1) sigaddset(set, signals[index]);
}

int clinux_signalfd(const int32_t *signals, int count) {
    sigset_t set;
    fill(&set, signals, count);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int clinux_mask_signals(const int32_t *signals, int count, bool block) {
    sigset_t set;
    fill(&set, signals, count);
    int code = pthread_sigmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
    if (code == 0) return 0;
    errno = code;
    return -1;
}

int clinux_read_signal(int descriptor) {
    struct signalfd_siginfo information;
    ssize_t size = read(descriptor, &information, sizeof information);
    return size < 0 ? -1 : (int)information.ssi_signo;
}

// Addresses

static uint64_t load_big_endian(const uint8_t *bytes) {
    uint64_t value = 0;
    for (int index = 0; index < 8; index += 1) value = value << 8 | bytes[index];
    return value;
}

static void store_big_endian(uint64_t value, uint8_t *bytes) {
    for (int index = 7; index >= 0; index -= 1, value >>= 8) bytes[index] = (uint8_t)value;
}

void clinux_address_from(const struct sockaddr *source, size_t size, struct clinux_address *address) {
    memset(address, 0, sizeof *address);
    if (size >= sizeof(struct sockaddr_in) && source->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, source, sizeof v4);
        address->version = 4;
        address->low = ntohl(v4.sin_addr.s_addr);
        address->port = ntohs(v4.sin_port);
    } else if (size >= sizeof(struct sockaddr_in6) && source->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, source, sizeof v6);
        address->version = 6;
        address->high = load_big_endian(v6.sin6_addr.s6_addr);
        address->low = load_big_endian(v6.sin6_addr.s6_addr + 8);
        address->scope = v6.sin6_scope_id;
        address->port = ntohs(v6.sin6_port);
    }
}

static socklen_t native_address(const struct clinux_address *address, struct sockaddr_storage *native) {
    memset(native, 0, sizeof *native);
    if (address->version == 4) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)native;
        v4->sin_family = AF_INET;
        v4->sin_addr.s_addr = htonl((uint32_t)address->low);
        v4->sin_port = htons(address->port);
        return sizeof *v4;
    }
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)native;
    v6->sin6_family = AF_INET6;
    store_big_endian(address->high, v6->sin6_addr.s6_addr);
    store_big_endian(address->low, v6->sin6_addr.s6_addr + 8);
    v6->sin6_scope_id = address->scope;
    v6->sin6_port = htons(address->port);
    return sizeof *v6;
}

static bool unix_address(const char *path, struct sockaddr_un *native) {
    memset(native, 0, sizeof *native);
    native->sun_family = AF_UNIX;
    size_t size = strlen(path);
    if (size == 0 || size > clinux_unix_path_max()) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(native->sun_path, path, size);
    return true;
}

size_t clinux_unix_path_max(void) { return sizeof(((struct sockaddr_un *)0)->sun_path) - 1; }

// Sockets

int clinux_socket(int version) {
    return socket(version == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

int clinux_unix_socket(void) { return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

int clinux_socket_pair(int *first, int *second) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) return -1;
    *first = pair[0];
    *second = pair[1];
    return 0;
}

int clinux_bind(int descriptor, const struct clinux_address *address) {
    struct sockaddr_storage native;
    socklen_t size = native_address(address, &native);
    return bind(descriptor, (const struct sockaddr *)&native, size);
}

int clinux_connect(int descriptor, const struct clinux_address *address) {
    struct sockaddr_storage native;
    socklen_t size = native_address(address, &native);
    return connect(descriptor, (const struct sockaddr *)&native, size);
}

int clinux_accept(int descriptor, struct clinux_address *peer) {
    struct sockaddr_storage native;
    socklen_t size = sizeof native;
    int accepted =
        accept4(descriptor, (struct sockaddr *)&native, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted >= 0) clinux_address_from((const struct sockaddr *)&native, size, peer);
    return accepted;
}

int clinux_local_address(int descriptor, struct clinux_address *address) {
    struct sockaddr_storage native;
    socklen_t size = sizeof native;
    if (getsockname(descriptor, (struct sockaddr *)&native, &size) < 0) return -1;
    clinux_address_from((const struct sockaddr *)&native, size, address);
    return 0;
}

int clinux_peer_address(int descriptor, struct clinux_address *address) {
    struct sockaddr_storage native;
    socklen_t size = sizeof native;
    if (getpeername(descriptor, (struct sockaddr *)&native, &size) < 0) return -1;
    clinux_address_from((const struct sockaddr *)&native, size, address);
    return 0;
}

int clinux_unix_bind(int descriptor, const char *path) {
    struct sockaddr_un native;
    if (!unix_address(path, &native)) return -1;
    return bind(descriptor, (const struct sockaddr *)&native, sizeof native);
}

int clinux_unix_connect(int descriptor, const char *path) {
    struct sockaddr_un native;
    if (!unix_address(path, &native)) return -1;
    return connect(descriptor, (const struct sockaddr *)&native, sizeof native);
}

bool clinux_is_socket_file(const char *path) {
    struct stat status;
    return lstat(path, &status) == 0 && S_ISSOCK(status.st_mode);
}

ssize_t clinux_receive(int descriptor, void *bytes, size_t size) {
    return recv(descriptor, bytes, size, 0);
}

ssize_t clinux_send(int descriptor, const void *bytes, size_t size) {
    return send(descriptor, bytes, size, MSG_NOSIGNAL);
}

int clinux_shutdown_write(int descriptor) { return shutdown(descriptor, SHUT_WR); }

int clinux_take_error(int descriptor, int *code) {
    socklen_t size = sizeof *code;
    return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, code, &size);
}

int clinux_peer_credentials(int descriptor, struct clinux_credentials *credentials) {
    struct ucred native;
    socklen_t size = sizeof native;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &native, &size) < 0) return -1;
    credentials->process = native.pid;
    credentials->user = native.uid;
    credentials->group = native.gid;
    return 0;
}

// Socket options

static int set_option(int descriptor, int level, int option, int value) {
    return setsockopt(descriptor, level, option, &value, sizeof value);
}

int clinux_set_reuse_address(int descriptor) {
    return set_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
}

int clinux_set_reuse_port(int descriptor) {
    return set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
}

int clinux_set_only_ipv6(int descriptor) {
    return set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1);
}

int clinux_set_bind_no_port(int descriptor) {
    return set_option(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
}

int clinux_set_no_delay(int descriptor, bool on) {
    return set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, on);
}

int clinux_set_user_timeout(int descriptor, uint32_t timeout_ms) {
    return setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
}

int clinux_set_send_buffer(int descriptor, int size) {
    return set_option(descriptor, SOL_SOCKET, SO_SNDBUF, size);
}

int clinux_set_receive_buffer(int descriptor, int size) {
    return set_option(descriptor, SOL_SOCKET, SO_RCVBUF, size);
}

int clinux_set_reset_on_close(int descriptor) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    return setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

// Network devices

static int close_failed(int descriptor) {
    int code = errno;
    close(descriptor);
    errno = code;
    return -1;
}

int clinux_tun_open(char *name) {
    int descriptor = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0) return -1;
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    memcpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(descriptor, TUNSETIFF, &request) < 0) return close_failed(descriptor);
    memcpy(name, request.ifr_name, IFNAMSIZ);
    return descriptor;
}

// The calls on interfaces and routes go through any socket.
static int control_interface(unsigned long operation, void *request) {
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -1;
    if (ioctl(descriptor, operation, request) < 0) return close_failed(descriptor);
    close(descriptor);
    return 0;
}

static struct ifreq interface_request(const char *name) {
    struct ifreq request = {0};
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    return request;
}

int clinux_interface_up(const char *name) {
    struct ifreq request = interface_request(name);
    if (control_interface(SIOCGIFFLAGS, &request) < 0) return -1;
    request.ifr_flags |= IFF_UP;
    return control_interface(SIOCSIFFLAGS, &request);
}

int clinux_interface_start(const char *name, int packet_size_max, int queue_count) {
    struct ifreq request = interface_request(name);
    request.ifr_mtu = packet_size_max;
    if (control_interface(SIOCSIFMTU, &request) < 0) return -1;
    request = interface_request(name);
    request.ifr_qlen = queue_count;
    if (control_interface(SIOCSIFTXQLEN, &request) < 0) return -1;
    return clinux_interface_up(name);
}

static struct sockaddr route_address(uint32_t address) {
    struct sockaddr_in native = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
    struct sockaddr generic;
    memcpy(&generic, &native, sizeof generic);
    return generic;
}

int clinux_route_add(const char *name, uint32_t network, uint32_t mask) {
    char device[IFNAMSIZ] = {0};
    strncpy(device, name, IFNAMSIZ - 1);
    struct rtentry route = {
        .rt_dst = route_address(network),
        .rt_genmask = route_address(mask),
        .rt_flags = RTF_UP,
        .rt_dev = device,
    };
    return control_interface(SIOCADDRT, &route);
}

int clinux_unshare_network(void) { return unshare(CLONE_NEWNET); }

// Process and threads

int clinux_set_thread_name(const char *name) {
    int code = pthread_setname_np(pthread_self(), name);
    if (code == 0) return 0;
    errno = code;
    return -1;
}

int clinux_unshare_descriptors(void) { return unshare(CLONE_FILES); }

int clinux_descriptor_limit(uint64_t *soft, uint64_t *hard) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -1;
    *soft = limit.rlim_cur;
    *hard = limit.rlim_max;
    return 0;
}

int clinux_set_descriptor_limit(uint64_t soft, uint64_t hard) {
    struct rlimit limit = {.rlim_cur = soft, .rlim_max = hard};
    return setrlimit(RLIMIT_NOFILE, &limit);
}

static uint64_t nanoseconds(struct timeval time) {
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_usec * 1000u;
}

int clinux_process_usage(uint64_t *user_ns, uint64_t *system_ns) {
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) < 0) return -1;
    *user_ns = nanoseconds(usage.ru_utime);
    *system_ns = nanoseconds(usage.ru_stime);
    return 0;
}

long clinux_page_size(void) { return sysconf(_SC_PAGESIZE); }

int clinux_core_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) < 0) return (int)sysconf(_SC_NPROCESSORS_ONLN);
    return CPU_COUNT(&set);
}

// By number: the wrapper is younger than the call.
int clinux_close_range(uint32_t first, uint32_t last) {
    return (int)syscall(SYS_close_range, first, last, 0);
}

bool clinux_allocator_configure(int arena_count_max, int mmap_threshold, int trim_threshold) {
    return mallopt(M_ARENA_MAX, arena_count_max) == 1 &&
           mallopt(M_MMAP_THRESHOLD, mmap_threshold) == 1 &&
           mallopt(M_TRIM_THRESHOLD, trim_threshold) == 1;
}

bool clinux_allocator_trim(void) { return malloc_trim(0) == 1; }
