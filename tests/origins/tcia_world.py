"""All hosts of TCIA and IDC at once, over the same collections: what one journey needs."""

import copy

from . import idc
from .content import Altered
from .idc import BUCKETS, IdcSite, SeriesBucket
from .nbia import NbiaSite
from .pathdb import PathDbSite
from .s3 import Object, S3Site
from .server import Origin
from .tcia_data import CC_BY_NC_4, ManySeries, nlst_collection, standard_collections
from .tcia_www import WordPressSite

ENDPOINTS = ("tcia", "tcia-nlst", "tcia-www", "pathdb", "idc", "idc-s3", "idc-gcs", "s3")


class TciaWorld:
    """COLLECTIONS on NBIA, NLST on its own server, and all of their series at IDC but LACKING (their UIDs), for as long
    as the `with` lasts.

    WRONG: {series UID: how IDC's copy of it differs}: "altered" (a byte of an image, and its ETag as that is), "short"
    (its last object is missing), "stale" (an older release: one image less, and the index says so). HEADS: names of
    collections in the bucket for faces. WITHOUT: endpoints that are not there at all. MAKE_ORIGIN: of an endpoint's name
    and its site, an origin. NBIA: of NbiaSite.
    Each origin is an attribute: nbia, nlst, www, pathdb, idc, s3 (idc-s3), gcs (idc-gcs), own (s3).
    """

    def __init__(self, collections=None, nlst=None, lacking=(), wrong=None, heads=(), without=(), part_size=None,
                 make_origin=None, **nbia):
        self.collections = list(collections if collections is not None else standard_collections())
        self.nlst_collections = list(nlst if nlst is not None else [nlst_collection()])
        self.heads = set(heads)
        # {series UID: (bucket, folder)} of what IDC has.
        self.folders = {}
        self._idc_site = IdcSite()
        self._buckets = {name: SeriesBucket(part_size) for name in BUCKETS}
        gcs = S3Site({BUCKETS[name]: bucket for name, bucket in self._buckets.items()}, flavour="gcs")
        gcs.buckets["idc-index-data-artifacts"] = idc.index_bucket()
        sites = {"tcia": NbiaSite(self.collections, **nbia), "tcia-nlst": NbiaSite(self.nlst_collections, **nbia),
                 "tcia-www": WordPressSite(self.collections + self.nlst_collections), "pathdb": PathDbSite(),
                 "idc": self._idc_site, "idc-s3": S3Site(self._buckets), "idc-gcs": gcs, "s3": S3Site()}
        for collection in self.collections + self.nlst_collections:
            self._fill_idc(collection, set(lacking), wrong or {})
        make_origin = make_origin or (lambda name, site: Origin(site))
        self.origins = {name: make_origin(name, site) for name, site in sites.items() if name not in without}
        for name, origin in self.origins.items():
            setattr(self, {"tcia": "nbia", "tcia-nlst": "nlst", "tcia-www": "www", "idc-s3": "s3", "idc-gcs": "gcs",
                           "s3": "own"}.get(name, name), origin)
        for name in ("tcia-www", "pathdb"):
            sites[name].base = self.origins[name].url if name in self.origins else "http://127.0.0.1:1"

    def bucket_of(self, series):
        if series.licence == CC_BY_NC_4:
            return "idc-open-data-cr"
        return "idc-open-data-two" if series.collection in self.heads else "idc-open-data"

    def bucket(self, name="idc-open-data"):
        """Amazon's bucket of that name; Google's twin is the same one."""
        return self._buckets[name]

    def objects(self, series):
        """{key: Object} of IDC's copy of a series; tests may change what it holds."""
        bucket, folder = self.folders[series.uid]
        return self._buckets[bucket].folder(folder)

    def _fill_idc(self, collection, lacking, wrong):
        if isinstance(collection, ManySeries):
            self._idc_site.add_many(collection)
            self._buckets["idc-open-data"].add_many(collection)
            return
        for series in collection.series():
            if series.uid not in lacking and series.is_public:
                self.put_in_idc(collection, series, wrong.get(series.uid))

    def put_in_idc(self, collection, series, wrong=None):
        """IDC's copy of a series, WRONG as above or right; returns its folder."""
        name = self.bucket_of(series)
        if wrong == "stale":
            series = copy.copy(series)
            series.images = series.images[:-1] or series.images
        folder = series.crdc_uuid
        self.folders[series.uid] = (name, folder)
        self._buckets[name].add_series(series, folder)
        self._idc_site.add_series(collection.idc_id, series, name, folder)
        objects = self._buckets[name].folder(folder) if wrong in ("altered", "short") else {}
        if wrong == "altered":
            key = next(iter(objects))
            objects[key] = Object(Altered(objects[key].content, objects[key].size - 40), type="application/dicom")
        elif wrong == "short":
            objects.popitem()
        return folder

    @property
    def endpoints(self):
        """{endpoint name: base address}; that of IDC's API ends in its version."""
        return {name: origin.url + ("/v3" if name == "idc" else "") for name, origin in self.origins.items()}

    @property
    def options(self):
        """--endpoint NAME=URL for each."""
        return [word for name, url in self.endpoints.items() for word in ("--endpoint", f"{name}={url}")]

    def clear(self):
        """Neither faults nor troubles any more; the records are empty."""
        for origin in self.origins.values():
            origin.faults.clear()
            origin.record.clear()
            if isinstance(origin.site, NbiaSite):
                origin.site.clear_troubles()

    def close(self):
        for origin in self.origins.values():
            origin.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
