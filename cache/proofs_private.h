/*
 * Between the files of the proofs.
 */
#pragma once

#define PROOFS_FILE "proofs.jsonl"
