"""Local origins: servers on 127.0.0.1 that behave as the places which publish datasets do, with faults on demand.

    with Origin(PlainSite()) as origin:
        origin.site.add("x.bin", Noise(1000))
        origin.faults.add(faults.cut(500, "/x.bin", times=1))
        ... # ask origin.url + "/x.bin"
        origin.record.entries("/x.bin")

`python3 -m origins uci physionet kaggle --print-endpoints` serves the standard datasets until standard input closes.
"""

from . import (archives, dicom, faults, kaggle, kaggle_words, nbia_zip, physionet, physionet_access, realdata, tcia_data,
               tcia_manifests)
from .content import Altered, Bytes, Content, DiskFile, Generated, Noise, Sparse
from .faults import Fault
from .kaggle import KaggleSite
from .kaggle_access import Limit
from .kaggle_model import Account, Competition, KaggleDataset, KaggleVersion
from .kaggle_storage import Expiry, KaggleStorage
from .large import Joined, Pages, make_large_zip
from .idc import IdcSite, SeriesBucket
from .nbia import NbiaSite
from .pathdb import PathDbSite
from .physionet import PhysioNetBucket, PhysioNetSite, Version
from .physionet_access import User
from .plain import PlainSite, Tree
from .proxy import BLOCK_PAGE, ForwardProxy
from .record import Entry, Record
from .s3 import Bucket, GeneratedBucket, Object, S3Site
from .server import Origin, Request, Response, Site
from .tcia_world import TciaWorld
from .tcia_www import WordPressSite
from .tls import Certificates
from .uci import UciCdnSite, UciSet, UciSite

__all__ = ["Account", "Altered", "BLOCK_PAGE", "Bucket", "Bytes", "Certificates", "Competition", "Content", "DiskFile",
           "Entry", "Expiry", "Fault", "ForwardProxy", "Generated", "GeneratedBucket", "IdcSite", "Joined",
           "KaggleDataset", "KaggleSite", "KaggleStorage", "KaggleVersion", "Limit", "NbiaSite", "Noise", "Object",
           "Origin", "Pages", "PathDbSite", "PhysioNetBucket", "PhysioNetSite", "PlainSite", "Record", "Request",
           "Response", "S3Site", "SeriesBucket", "Site", "Sparse", "TciaWorld", "Tree", "UciCdnSite", "UciSet",
           "UciSite", "User", "Version", "WordPressSite", "archives", "dicom", "faults", "kaggle", "kaggle_words",
           "make_large_zip", "nbia_zip", "physionet", "physionet_access", "realdata", "tcia_data",
           "tcia_manifests"]
