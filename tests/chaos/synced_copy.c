/* Preloaded into a process, it copies a file of SYNCED_FROM to SYNCED_TO whenever it is synced: a power cut leaves that. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static void copy(int descriptor) {
    const char *from = getenv("SYNCED_FROM"), *to = getenv("SYNCED_TO");
    char link[64], path[PATH_MAX], lock[PATH_MAX], part[PATH_MAX], target[PATH_MAX], block[65536];
    if (!from || !to) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return;
    path[length] = 0;
    if (strncmp(path, from, strlen(from))) return;
    snprintf(lock, sizeof lock, "%s/lock", to);
    snprintf(part, sizeof part, "%s/part", to);
    snprintf(target, sizeof target, "%s/%s", to, strrchr(path, '/') + 1);
    int held = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    flock(held, LOCK_EX);
    int source = open(path, O_RDONLY | O_CLOEXEC), copied = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t some;
    while ((some = read(source, block, sizeof block)) > 0)
        if (write(copied, block, some) != some) abort();
    close(source);
    close(copied);
    rename(part, target);
    close(held);
}

int fsync(int descriptor) {
    int done = ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(descriptor);
    copy(descriptor);
    return done;
}

int fdatasync(int descriptor) {
    int done = ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(descriptor);
    copy(descriptor);
    return done;
}
