"""Pages of a measurement store: read by a browser from ``hwkit serve``, or written as files."""

from hwkit.report.site.pages import Site
from hwkit.report.site.written import write_site

__all__ = ["Site", "write_site"]
