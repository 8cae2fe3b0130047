/*
 * `verify --for TIME`: the mirror (or some datasets of it) is proven bit by bit, longest unproven
 * first; each run goes on where the last one stopped.
 */
#pragma once

#include "job_verify.h"

typedef struct {
    guint64 seconds;
    VerifyRequest request; /* what each slice asks for; its pace, after and begun are filled in */
    /* Verifies a slice of HEADER's version, tells what comes of it, and returns its exit status. */
    int (*verify)(Job *job, Mirror *mirror, const LockHeader *header, const VerifyRequest *request,
                  gpointer data);
    gpointer data;
} VerifyForSpec;

/* HEADERS: LockHeader*, the versions that are meant. Tells at the end how much of how much was
 * proven, and how old the oldest proof is. Returns the exit status of all. */
int verify_for(Job *job, Mirror *mirror, const GPtrArray *headers, const VerifyForSpec *spec);
/* "21 days", "5 h", "12 min": how long ago, of seconds; owned. */
char *verify_age_text(gint64 seconds);
