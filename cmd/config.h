/*
 * The configuration: $XDG_CONFIG_HOME/medmirror/medmirror.conf, then /etc/medmirror/medmirror.conf;
 * what the first sets counts. An unknown group or key, or a value of the wrong kind, is an error
 * with file and line.
 */
#pragma once

#include "engine.h"

typedef struct {
    char *mirror;           /* [mirror] dir; NULL: not chosen */
    guint64 max_size;       /* [mirror] max-size, bytes; SIZE_UNKNOWN: none */
    guint64 max_files;      /* [mirror] max-files; SIZE_UNKNOWN: none */
    guint64 reserve;        /* [mirror] reserve, bytes that stay free */
    gboolean keep_archives; /* [mirror] keep-archives */
    EngineConfig engine;    /* [network]; strings owned here */
    char *ca_file, *ca_dir; /* [network] */
    char *proxy, *no_proxy; /* [network] */
    GPtrArray *endpoints;   /* [endpoints] NAME = URL, as "NAME=URL" */
    GPtrArray *fetchers;    /* [fetchers] NAME = PATH, as two char* each */
    guint64 fetcher_ms;     /* [network] fetcher-timeout; 0: the default */
    GPtrArray *agents;      /* [source NAME] user-agent = TEXT, as two char* each */
    GHashTable *readers;    /* "dataset ID", "access CLASS": the group's number */
    GPtrArray *files;       /* char*: the files that were read */
    GHashTable *origins;    /* "mirror.dir": the file that set it */
    GHashTable *texts;      /* "mirror.dir": its value as it stands there */
} Config;

/* MEDMIRROR_ERROR_USAGE. Owned. */
Config *config_load(GError **error);
void config_free(Config *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Config, config_free)

/* Is TEXT, which is to be the file PATH, one that config_load() would take? _USAGE with its line.
 */
gboolean config_check_text(const char *text, const char *path, GError **error);
/* $XDG_CONFIG_HOME/medmirror/medmirror.conf; owned. */
char *config_own_path(void);

/* "10G", "1.5 TB", "64KiB", "4096": bytes; decimal units but for KiB, MiB, GiB, TiB. FALSE where it
 * is none. */
gboolean bytes_parse(const char *text, guint64 *bytes);
