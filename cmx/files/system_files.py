"""What desktops, servers and tools leave in folders and archives: passed over by every reader."""

import re

_NAMES = frozenset((
  "__macosx", "__pycache__", "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini",
  "icon\r", "lost+found", "$recycle.bin", "recycler", "system volume information", "@eadir",
  "@tmp", "@recycle", "@recently-snapshot", "#recycle", "#snapshot", "cvs",
  "network trash folder", "temporary items", "thumbs.db:encryptable", "icon\uf00d", "desktop db",
  "desktop df", "picasa.ini", "zbthumbnail.info", "_gsdata_", "sync.ffs_db", "found.000",
  "@sharebin", "@transcode"))
_FORMS = re.compile(
  r"\..*"  # hidden: .DS_Store, ._photo.jpg, .git
  r"|.*:zone\.identifier"  # Windows' note of where a file came from
  r"|.*@syno(eastream|resource)"  # Synology's
  r"|~\$.*"  # Office's lock of an open document
  r"|.*~|#.*#",  # an editor's copy
  re.IGNORECASE | re.DOTALL)


def left_behind(name: str) -> bool:
  """Whether a file or folder of this name, without its path, is none of a user's own."""
  return name.lower() in _NAMES or _FORMS.fullmatch(name) is not None
