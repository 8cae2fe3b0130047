/* The fetchers that are compiled in; registry.c has the table. */
#pragma once

#include "fetcher.h"

extern const Fetcher http_fetcher;
extern const Fetcher kaggle_fetcher;
extern const Fetcher physionet_fetcher;
extern const Fetcher s3_fetcher;
extern const Fetcher tcia_fetcher;
extern const Fetcher uci_fetcher;
