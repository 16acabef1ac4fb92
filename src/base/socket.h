/* The sockets of one connection, which a thread uses and another may cut. SPDX-License-Identifier:
 * Apache-2.0
 */
#ifndef VR_BASE_SOCKET_H
#define VR_BASE_SOCKET_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

enum { VR_SOCKETS_MAX = 8 /* open at a time: of a name's addresses, several may be tried at once */ };

typedef struct vr_sockets {
    pthread_mutex_t mutex;
    int open[VR_SOCKETS_MAX];
    size_t count;
    bool cut;
} vr_sockets;

void vr_sockets_init(vr_sockets *sockets);
void vr_sockets_destroy(vr_sockets *sockets); /* all have been closed */

/* As socket(), and -1 if they are cut or too many. */
int vr_sockets_open(vr_sockets *sockets, int family, int type, int protocol);
int vr_sockets_close(vr_sockets *sockets, int fd);

/* Ends all connections: whoever reads or writes them fails at once, whatever the peer sends. No more are
 * opened. */
void vr_sockets_cut(vr_sockets *sockets);

/* From now on sockets may be opened again. */
void vr_sockets_mend(vr_sockets *sockets);
bool vr_sockets_are_cut(vr_sockets *sockets);

/* Whether the peer of a connected socket has not closed it. Reads nothing, and doesn't wait. */
bool vr_socket_is_open(int fd);

#endif
