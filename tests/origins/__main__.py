"""Origins by themselves: prints an endpoint a line and serves until standard input closes."""

import argparse
import pathlib
import sys

from . import (KaggleSite, Origin, PhysioNetBucket, PhysioNetSite, PlainSite, TciaWorld, UciCdnSite, UciSite, physionet,
               realdata)


def _make_sites(names, folder):
    """{endpoint name: site} of the sources that were named."""
    sites = {}
    for name in names:
        if name == "uci":
            sites["uci"] = UciSite()
            sites["uci-cdn"] = UciCdnSite(sites["uci"])
        elif name == "physionet":
            sites["physionet"] = PhysioNetSite(users=physionet.standard_users())
            sites["physionet-s3"] = PhysioNetBucket(sites["physionet"], ["mitdb"])
        elif name == "kaggle":
            sites["kaggle"] = KaggleSite()
            sites["kaggle-storage"] = sites["kaggle"].storage
        elif name != "tcia":
            sites["plain"] = PlainSite()
            if folder:
                sites["plain"].tree.add_folder("", folder)
    return sites


def main():
    parser = argparse.ArgumentParser(prog="python3 -m origins", description="Local origins on ports of 127.0.0.1.")
    parser.add_argument("sources", nargs="*", choices=["uci", "physionet", "kaggle", "tcia", "plain", []],
                        metavar="uci|physionet|kaggle|tcia|plain")
    parser.add_argument("--print-endpoints", action="store_true", help="print NAME=URL, a line each")
    parser.add_argument("--folder", type=pathlib.Path, help="what the plain origin serves")
    parser.add_argument("--fetch-data", action="store_true", help="download and unpack the packages with real files")
    options = parser.parse_args()
    if options.fetch_data:
        for name in realdata.fetch_packages():
            print(f"{name} could not be had here; generated files stand in for it.", file=sys.stderr)
    if not options.sources:
        return
    origins = {name: Origin(site) for name, site in _make_sites(options.sources, options.folder).items()}
    if "kaggle" in origins:
        origins["kaggle"].site.storage.base = origins["kaggle-storage"].url_by_name
    addresses = {name: origin.url for name, origin in origins.items()}
    if "tcia" in options.sources:
        world = TciaWorld()
        origins |= world.origins
        addresses |= world.endpoints
    for name, address in addresses.items():
        print(f"{name}={address}" if options.print_endpoints else f"{name}: {address}/", flush=True)
    sys.stdin.read()
    for origin in origins.values():
        origin.close()


if __name__ == "__main__":
    main()
