/*
 * Records what a process does to the files below one folder, in the order in which it happened.
 *
 * Loaded with LD_PRELOAD into a process that runs real storage. Each function below stands before
 * the one of libc, makes the system call itself and writes one record to the log. One lock is held
 * over both, so the order of the log is the order of the calls, fsync included. The reader of the
 * log (log.rs) makes files and folders of it; nothing is interpreted here.
 *
 * Environment: RECORDER_ROOT is the folder, RECORDER_LOG the log, RECORDER_MARKS a path outside the
 * folder: what is written to it becomes a mark in the log and goes nowhere else.
 *
 * A record is a header (struct record), a path, and data or a second path. Calls that change files
 * in a way that the reader does not model leave a record 'X' with their name, and the reader
 * refuses the log.
 * System calls made without libc are not seen; the reader notices them by comparing the folder it
 * makes of the log with the real one.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS_MAX 65536
#define PATH_BYTES_MAX 4096

enum tracked { OUTSIDE = 0, INSIDE = 1, MARKS = 2 };

struct record {
    uint32_t op; /* one letter */
    int32_t fd;
    uint64_t a; /* flags, offset, length or the second descriptor */
    uint32_t path_bytes;
    uint32_t data_bytes; /* of the data, or of the second path */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned char tracked[FDS_MAX];
static char root[PATH_BYTES_MAX], marks[PATH_BYTES_MAX];
static size_t root_bytes;
static int log_fd = -1;

static void die(const char *why)
{
    dprintf(2, "recorder: %s: %s\n", why, strerror(errno));
    _exit(97);
}

__attribute__((constructor)) static void begin(void)
{
    const char *r = getenv("RECORDER_ROOT"), *l = getenv("RECORDER_LOG");
    const char *m = getenv("RECORDER_MARKS");
    if (!r || !l || !m)
        return;
    snprintf(root, sizeof root, "%s", r);
    snprintf(marks, sizeof marks, "%s", m);
    root_bytes = strlen(root);
    log_fd = syscall(SYS_openat, AT_FDCWD, l, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    if (log_fd < 0)
        die("open the log");
    /* Out of the way of the low numbers, which some code closes blindly. */
    log_fd = syscall(SYS_fcntl, log_fd, F_DUPFD_CLOEXEC, 900);
}

static void put(const void *bytes, size_t count)
{
    const char *at = bytes;
    while (count > 0) {
        long written = syscall(SYS_write, log_fd, at, count);
        if (written < 0 && errno != EINTR)
            die("write the log");
        if (written > 0) {
            at += written;
            count -= written;
        }
    }
}

static void note(char op, int fd, uint64_t a, const char *path, const void *data, size_t bytes)
{
    int saved = errno;
    struct record head = { (uint32_t)op, fd, a, path ? strlen(path) : 0, bytes };
    put(&head, sizeof head);
    if (path)
        put(path, head.path_bytes);
    put(data, bytes);
    errno = saved;
}

static enum tracked kind(int fd)
{
    return fd >= 0 && fd < FDS_MAX ? tracked[fd] : OUTSIDE;
}

static void set(int fd, enum tracked what)
{
    if (fd >= FDS_MAX)
        die("too many files");
    if (fd >= 0)
        tracked[fd] = what;
}

/* The path below the folder, "" for the folder itself; NULL when it lies elsewhere. */
static const char *inside(int at, const char *path, char *room)
{
    if (log_fd < 0)
        return NULL;
    if (path[0] != '/') {
        char link[64];
        if (at == AT_FDCWD)
            snprintf(link, sizeof link, "/proc/self/cwd");
        else
            snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        long n = syscall(SYS_readlinkat, AT_FDCWD, link, room, PATH_BYTES_MAX - 1);
        if (n < 0)
            return NULL;
        snprintf(room + n, PATH_BYTES_MAX - n, "/%s", path);
        path = room;
    }
    if (strncmp(path, root, root_bytes) != 0)
        return NULL;
    path += root_bytes;
    if (*path != '/' && *path != 0)
        return NULL;
    while (*path == '/')
        path++;
    return path;
}

/* On machines of 64 bits the calls for large files are the others under another name. */
#define SAME(large, plain) extern __typeof(plain) large __attribute__((alias(#plain)))

static void unsupported(const char *name)
{
    pthread_mutex_lock(&lock);
    note('X', -1, 0, name, NULL, 0);
    pthread_mutex_unlock(&lock);
}

static int do_open(int at, const char *path, int flags, mode_t mode)
{
    char room[PATH_BYTES_MAX];
    const char *below = inside(at, path, room);
    pthread_mutex_lock(&lock);
    int fd = syscall(SYS_openat, at, path, flags, mode);
    if (fd >= 0 && log_fd >= 0) {
        set(fd, below ? INSIDE : strcmp(path, marks) == 0 ? MARKS : OUTSIDE);
        if (below)
            note('O', fd, flags, below, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return fd;
}

#define MODE(flags, mode)                                                                          \
    mode_t mode = 0;                                                                               \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                         \
        va_list more;                                                                              \
        va_start(more, flags);                                                                     \
        mode = va_arg(more, int);                                                                  \
        va_end(more);                                                                              \
    }

int open(const char *path, int flags, ...)
{
    MODE(flags, m)
    return do_open(AT_FDCWD, path, flags, m);
}
SAME(open64, open);
int openat(int at, const char *path, int flags, ...)
{
    MODE(flags, m)
    return do_open(at, path, flags, m);
}
SAME(openat64, openat);
int creat(const char *path, mode_t m)
{
    return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, m);
}
SAME(creat64, creat);

int close(int fd)
{
    if (fd >= 0 && fd == log_fd)
        return 0;
    pthread_mutex_lock(&lock);
    if (kind(fd) == INSIDE)
        note('C', fd, 0, NULL, NULL, 0);
    set(fd, OUTSIDE);
    int result = syscall(SYS_close, fd);
    pthread_mutex_unlock(&lock);
    return result;
}

static int do_fcntl(int fd, int command, long argument)
{
    pthread_mutex_lock(&lock);
    int result = syscall(SYS_fcntl, fd, command, argument);
    if (result >= 0 && (command == F_DUPFD || command == F_DUPFD_CLOEXEC)) {
        set(result, kind(fd));
        if (kind(fd) == INSIDE)
            note('D', fd, result, NULL, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

#define ARGUMENT(last, name)                                                                       \
    va_list more;                                                                                  \
    va_start(more, last);                                                                          \
    long name = va_arg(more, long);                                                                \
    va_end(more);

int fcntl(int fd, int command, ...)
{
    ARGUMENT(command, a)
    return do_fcntl(fd, command, a);
}
SAME(fcntl64, fcntl);
int dup(int fd) { return do_fcntl(fd, F_DUPFD, 0); }

/* Writes at an offset, or at the place of the descriptor when the offset is negative. */
static ssize_t write_now(int fd, const void *data, size_t bytes, off_t at)
{
    if (at < 0)
        return syscall(SYS_write, fd, data, bytes);
    return syscall(SYS_pwrite64, fd, data, bytes, at);
}

static ssize_t do_write(int fd, const void *data, size_t bytes, off_t at)
{
    if (kind(fd) == OUTSIDE)
        return write_now(fd, data, bytes, at);
    pthread_mutex_lock(&lock);
    ssize_t written = bytes;
    if (kind(fd) == MARKS) {
        note('M', fd, 0, NULL, data, bytes);
    } else {
        written = write_now(fd, data, bytes, at);
        if (written > 0) {
            /* Asked afterwards, for a file opened to append begins at its end. */
            if (at < 0)
                at = syscall(SYS_lseek, fd, 0, SEEK_CUR) - written;
            note('W', fd, at, NULL, data, written);
        }
    }
    pthread_mutex_unlock(&lock);
    return written;
}

ssize_t write(int fd, const void *data, size_t bytes)
{
    return do_write(fd, data, bytes, -1);
}
ssize_t pwrite(int fd, const void *data, size_t bytes, off_t at)
{
    return do_write(fd, data, bytes, at);
}
SAME(pwrite64, pwrite);

/* The pieces one after the other: a caller cannot tell it from one call that wrote less. */
static ssize_t do_writev(int fd, const struct iovec *pieces, int count, off_t at)
{
    ssize_t sum = 0;
    for (int i = 0; i < count; i++) {
        const struct iovec *piece = &pieces[i];
        off_t here = at < 0 ? at : at + sum;
        ssize_t written = do_write(fd, piece->iov_base, piece->iov_len, here);
        if (written < 0)
            return sum > 0 ? sum : written;
        sum += written;
        if ((size_t)written < piece->iov_len)
            break;
    }
    return sum;
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
    return kind(fd) == OUTSIDE ? syscall(SYS_writev, fd, v, n) : do_writev(fd, v, n, -1);
}
ssize_t pwritev(int fd, const struct iovec *v, int n, off_t at)
{
    return do_writev(fd, v, n, at);
}
SAME(pwritev64, pwritev);

int ftruncate(int fd, off_t bytes)
{
    pthread_mutex_lock(&lock);
    int result = syscall(SYS_ftruncate, fd, bytes);
    if (result == 0 && kind(fd) == INSIDE)
        note('T', fd, bytes, NULL, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
SAME(ftruncate64, ftruncate);

static int do_sync(int fd, long call)
{
    pthread_mutex_lock(&lock);
    int result = syscall(call, fd);
    if (result == 0 && kind(fd) == INSIDE)
        note('S', fd, 0, NULL, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int fsync(int fd) { return do_sync(fd, SYS_fsync); }
int fdatasync(int fd) { return do_sync(fd, SYS_fdatasync); }

static int do_rename(int from_at, const char *from, int to_at, const char *to, unsigned flags)
{
    char room[2][PATH_BYTES_MAX];
    const char *a = inside(from_at, from, room[0]), *b = inside(to_at, to, room[1]);
    pthread_mutex_lock(&lock);
    int result = syscall(SYS_renameat2, from_at, from, to_at, to, flags);
    if (result == 0 && (a || b)) {
        if (a && b && (flags & ~RENAME_NOREPLACE) == 0)
            note('R', -1, 0, a, b, strlen(b));
        else
            note('X', -1, 0, "a rename out of the folder, into it, or an exchange", NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int rename(const char *from, const char *to)
{
    return do_rename(AT_FDCWD, from, AT_FDCWD, to, 0);
}
int renameat(int f, const char *from, int t, const char *to)
{
    return do_rename(f, from, t, to, 0);
}
int renameat2(int f, const char *from, int t, const char *to, unsigned flags)
{
    return do_rename(f, from, t, to, flags);
}

static int do_unlink(int at, const char *path, int flags)
{
    char room[PATH_BYTES_MAX];
    const char *below = inside(at, path, room);
    pthread_mutex_lock(&lock);
    int result = syscall(SYS_unlinkat, at, path, flags);
    if (result == 0 && below)
        note('U', -1, 0, below, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int unlink(const char *path) { return do_unlink(AT_FDCWD, path, 0); }
int unlinkat(int at, const char *path, int flags) { return do_unlink(at, path, flags); }
int rmdir(const char *path) { return do_unlink(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int at, const char *path, mode_t mode)
{
    char room[PATH_BYTES_MAX];
    const char *below = inside(at, path, room);
    pthread_mutex_lock(&lock);
    int result = syscall(SYS_mkdirat, at, path, mode);
    if (result == 0 && below)
        note('K', -1, 0, below, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

/* What the reader does not model. Each is refused when it is used on the folder, not guessed. */
#define REFUSED_ON(fd, name, call)                                                                 \
    if (kind(fd) == INSIDE)                                                                        \
        unsupported(name);                                                                         \
    return call;

int fallocate(int fd, int mode, off_t at, off_t n)
{
    REFUSED_ON(fd, "fallocate", syscall(SYS_fallocate, fd, mode, at, n))
}
SAME(fallocate64, fallocate);
int posix_fallocate(int fd, off_t at, off_t n)
{
    return fallocate(fd, 0, at, n) ? errno : 0;
}
SAME(posix_fallocate64, posix_fallocate);
int sync_file_range(int fd, off64_t at, off64_t n, unsigned f)
{
    REFUSED_ON(fd, "sync_file_range", syscall(SYS_sync_file_range, fd, at, n, f))
}
ssize_t copy_file_range(int from, off64_t *a, int to, off64_t *b, size_t n, unsigned f)
{
    REFUSED_ON(to, "copy_file_range", syscall(SYS_copy_file_range, from, a, to, b, n, f))
}
ssize_t sendfile(int to, int from, off_t *at, size_t n)
{
    REFUSED_ON(to, "sendfile", syscall(SYS_sendfile, to, from, at, n))
}
SAME(sendfile64, sendfile);

int truncate(const char *path, off_t bytes)
{
    char room[PATH_BYTES_MAX];
    if (inside(AT_FDCWD, path, room))
        unsupported("truncate");
    return syscall(SYS_truncate, path, bytes);
}
SAME(truncate64, truncate);

int linkat(int f, const char *from, int t, const char *to, int flags)
{
    char room[PATH_BYTES_MAX];
    if (inside(t, to, room))
        unsupported("link");
    return syscall(SYS_linkat, f, from, t, to, flags);
}
int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int symlinkat(const char *target, int at, const char *path)
{
    char room[PATH_BYTES_MAX];
    if (inside(at, path, room))
        unsupported("symlink");
    return syscall(SYS_symlinkat, target, at, path);
}
int symlink(const char *target, const char *path)
{
    return symlinkat(target, AT_FDCWD, path);
}

void *mmap(void *place, size_t n, int protection, int flags, int fd, off_t at)
{
    if (kind(fd) == INSIDE && (flags & MAP_SHARED) && (protection & PROT_WRITE))
        unsupported("a shared writable map");
    return (void *)syscall(SYS_mmap, place, n, protection, flags, fd, at);
}
SAME(mmap64, mmap);
