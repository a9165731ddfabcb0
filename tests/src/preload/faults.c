/* Faults of the operating system, for a program that is started with this library in LD_PRELOAD.
 *
 * AUDIT_FAULTS_PREFIX is the beginning of the paths whose files are at fault. AUDIT_FAULTS_CONTROL names a file of five
 * native 32-bit integers, which the test changes while the program runs:
 *
 *   0  errno of fsync and fdatasync, or 0
 *   1  how long they take, in milliseconds
 *   2  errno of writes, or 0; what overwrites bytes that are there needs no room, and does not fail
 *   3  how far the wall clock is ahead, in seconds
 *   4  how often fsync and fdatasync were called (counted here)
 *
 * Everything else is the real system's. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { SYNC_ERROR, SYNC_TAKES, WRITE_ERROR, CLOCK_AHEAD, SYNCS, FIELDS };

static volatile int none[FIELDS];
static volatile int *control = none;
static const char *prefix;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("AUDIT_FAULTS_CONTROL");
    prefix = getenv("AUDIT_FAULTS_PREFIX");
    if (!path || !prefix) return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *map = mmap(NULL, FIELDS * sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map != MAP_FAILED) control = map;
    close(fd);
}

static int is_at_fault(int fd) {
    char link[64], path[4096];
    if (!prefix) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return strncmp(path, prefix, strlen(prefix)) == 0;
}

static int sync_fails(int fd) {
    if (!is_at_fault(fd)) return 0;
    __atomic_fetch_add((int *)&control[SYNCS], 1, __ATOMIC_RELAXED);
    int takes = control[SYNC_TAKES];
    if (takes) {
        struct timespec pause = {takes / 1000, (takes % 1000) * 1000000L};
        nanosleep(&pause, NULL);
    }
    errno = control[SYNC_ERROR];
    return errno != 0;
}

static int write_fails(int fd) {
    if (!control[WRITE_ERROR] || !is_at_fault(fd)) return 0;
    errno = control[WRITE_ERROR];
    return 1;
}

static int write_fails_at(int fd, size_t count, off_t at) {
    struct stat file;
    if (!control[WRITE_ERROR] || (fstat(fd, &file) == 0 && at + (off_t)count <= file.st_size)) return 0;
    return write_fails(fd);
}

static size_t bytes_of(const struct iovec *parts, int count) {
    size_t bytes = 0;
    for (int part = 0; part < count; part++) bytes += parts[part].iov_len;
    return bytes;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int fd) { return sync_fails(fd) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return sync_fails(fd) ? -1 : REAL(fdatasync)(fd); }

ssize_t write(int fd, const void *bytes, size_t count) {
    return write_fails(fd) ? -1 : REAL(write)(fd, bytes, count);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    return write_fails(fd) ? -1 : REAL(writev)(fd, parts, count);
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    return write_fails_at(fd, count, at) ? -1 : REAL(pwrite)(fd, bytes, count, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    return write_fails_at(fd, count, at) ? -1 : REAL(pwrite64)(fd, bytes, count, at);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    return write_fails_at(fd, bytes_of(parts, count), at) ? -1 : REAL(pwritev)(fd, parts, count, at);
}
int posix_fallocate(int fd, off_t at, off_t length) {
    return write_fails(fd) ? errno : REAL(posix_fallocate)(fd, at, length);
}
int fallocate64(int fd, int mode, off64_t at, off64_t length) {
    return write_fails(fd) ? -1 : REAL(fallocate64)(fd, mode, at, length);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = REAL(clock_gettime)(clock, now);
    if (clock == CLOCK_REALTIME) now->tv_sec += control[CLOCK_AHEAD];
    return result;
}
