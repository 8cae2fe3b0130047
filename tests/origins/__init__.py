"""Local origins: servers on 127.0.0.1 that behave as the places which publish datasets do, with faults on demand.

    with Origin(PlainSite()) as origin:
        origin.site.add("x.bin", Noise(1000))
        origin.faults.add(faults.cut(500, "/x.bin", times=1))
        ... # ask origin.url + "/x.bin"
        origin.record.entries("/x.bin")

`python3 -m origins uci physionet --print-endpoints` serves the standard datasets until standard input closes.
"""

from . import archives, faults, physionet, physionet_access, realdata
from .content import Altered, Bytes, Content, DiskFile, Generated, Noise, Sparse
from .faults import Fault
from .physionet import PhysioNetBucket, PhysioNetSite, Version
from .physionet_access import User
from .plain import PlainSite, Tree
from .proxy import BLOCK_PAGE, ForwardProxy
from .record import Entry, Record
from .server import Origin, Request, Response, Site
from .tls import Certificates
from .uci import UciCdnSite, UciSet, UciSite

__all__ = ["Altered", "BLOCK_PAGE", "Bytes", "Certificates", "Content", "DiskFile", "Entry", "Fault", "ForwardProxy",
           "Generated", "Noise", "Origin", "PhysioNetBucket", "PhysioNetSite", "PlainSite", "Record", "Request",
           "Response", "Site", "Sparse", "Tree", "UciCdnSite", "UciSet", "UciSite", "User", "Version", "archives", "faults",
           "physionet", "physionet_access", "realdata"]
