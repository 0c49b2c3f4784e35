/* Preloaded into a process, it keeps in SYNCED_TO what a power cut leaves: each file of SYNCED_FROM as it was when it was
   synced, under its name; below the folder SYNCED_TREE each file under its number, and each folder's list of entries. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void copy_file(const char *path, const char *part) {
    char block[65536];
    int source = open(path, O_RDONLY | O_CLOEXEC), copied = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t some;
    while ((some = read(source, block, sizeof block)) > 0)
        if (write(copied, block, some) != some) abort();
    close(source);
    close(copied);
}

static void list_folder(const char *path, const char *part) {
    DIR *folder = opendir(path);
    FILE *list = fopen(part, "we");
    struct dirent *entry;
    while ((entry = readdir(folder)))
        fprintf(list, "%lu %c %s\n", (unsigned long)entry->d_ino, entry->d_type == DT_DIR ? 'd' : 'f', entry->d_name);
    fclose(list);
    closedir(folder);
}

static void keep(int descriptor) {
    const char *from = getenv("SYNCED_FROM"), *tree = getenv("SYNCED_TREE"), *to = getenv("SYNCED_TO");
    char link[64], path[PATH_MAX], name[PATH_MAX], lock[PATH_MAX], part[PATH_MAX], target[PATH_MAX];
    struct stat status;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (!to || length < 0 || fstat(descriptor, &status)) return;
    path[length] = 0;
    if (from && !strncmp(path, from, strlen(from))) {
        snprintf(name, sizeof name, "%s", strrchr(path, '/') + 1);
    } else if (tree && !strncmp(path, tree, strlen(tree))) {
        snprintf(name, sizeof name, "%c%lu", S_ISDIR(status.st_mode) ? 'd' : 'f', (unsigned long)status.st_ino);
    } else {
        return;
    }
    snprintf(lock, sizeof lock, "%s/lock", to);
    snprintf(part, sizeof part, "%s/part", to);
    snprintf(target, sizeof target, "%s/%s", to, name);
    int held = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    flock(held, LOCK_EX);
    if (S_ISDIR(status.st_mode))
        list_folder(path, part);
    else
        copy_file(path, part);
    rename(part, target);
    close(held);
}

int fsync(int descriptor) {
    int done = ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(descriptor);
    keep(descriptor);
    return done;
}

int fdatasync(int descriptor) {
    int done = ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(descriptor);
    keep(descriptor);
    return done;
}
