/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* SOCK_CLOEXEC */
#include "base/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

void vr_sockets_init(vr_sockets *sockets)
{
    sockets->count = 0;
    sockets->cut = false;
    pthread_mutex_init(&sockets->mutex, NULL);
}

void vr_sockets_destroy(vr_sockets *sockets)
{
    pthread_mutex_destroy(&sockets->mutex);
}

/* Programs that this one starts don't inherit it. */
static int open_socket(int family, int type, int protocol)
{
#ifdef SOCK_CLOEXEC
    return socket(family, type | SOCK_CLOEXEC, protocol);
#else /* macOS: a program started between the two calls does */
    int fd = socket(family, type, protocol);
    if (fd >= 0)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
#endif
}

int vr_sockets_open(vr_sockets *sockets, int family, int type, int protocol)
{
    int fd = -1;
    pthread_mutex_lock(&sockets->mutex);
    if (!sockets->cut && sockets->count < VR_SOCKETS_MAX)
        fd = open_socket(family, type, protocol);
    if (fd >= 0)
        sockets->open[sockets->count++] = fd;
    pthread_mutex_unlock(&sockets->mutex);
    return fd;
}

/* Under the lock, so that the number isn't another file's when a cut comes. */
int vr_sockets_close(vr_sockets *sockets, int fd)
{
    pthread_mutex_lock(&sockets->mutex);
    for (size_t i = 0; i < sockets->count; i++)
        if (sockets->open[i] == fd) {
            sockets->open[i] = sockets->open[--sockets->count];
            break;
        }
    int result = close(fd);
    pthread_mutex_unlock(&sockets->mutex);
    return result;
}

void vr_sockets_cut(vr_sockets *sockets)
{
    pthread_mutex_lock(&sockets->mutex);
    sockets->cut = true;
    for (size_t i = 0; i < sockets->count; i++)
        shutdown(sockets->open[i], SHUT_RDWR);
    pthread_mutex_unlock(&sockets->mutex);
}

void vr_sockets_mend(vr_sockets *sockets)
{
    pthread_mutex_lock(&sockets->mutex);
    sockets->cut = false;
    pthread_mutex_unlock(&sockets->mutex);
}

bool vr_sockets_are_cut(vr_sockets *sockets)
{
    pthread_mutex_lock(&sockets->mutex);
    bool cut = sockets->cut;
    pthread_mutex_unlock(&sockets->mutex);
    return cut;
}

bool vr_socket_is_open(int fd)
{
    char byte;
    ssize_t count = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return count > 0 || (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
}
