/* What the server and its clients agree on. */
#ifndef SERVE_SERVER_H
#define SERVE_SERVER_H

#define SERVER_PORT          11211
#define SERVER_CONNECTIONS   64
#define SERVER_ITEM_SIZE_MAX (1u << 20)

#endif
