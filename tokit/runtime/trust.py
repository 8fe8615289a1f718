"""Ownership of files whose content is run: they are trusted when nobody else could have written them.

The rule is that of ssh for its keys: the file, and every folder on its way, belong to this user or to root, and nobody
else may write there. A group of one's own, which many systems give each user, counts as the user; a folder such as
/tmp, where all may write but only remove what is theirs, is trusted as a place on the way.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from functools import cache
from pathlib import Path

# Windows has other permissions, and a user's folders there are the user's alone.
HAS_OWNERS = hasattr(os, "getuid")
ROOT = 0
WRITE_BITS = {stat.S_IWOTH: "everybody", stat.S_IWGRP: "its group"}


def distrust(path: Path, owners: Collection[int] = ()) -> str:
    """The reason why a file or folder is not trusted; empty for one that is.

    Args:
        path: Absolute. Links on the way are followed, and have to belong to the same owners; of the last part none.
        owners: Users who are trusted beside this one and root.

    Raises:
        OSError: it is missing.
    """
    if not HAS_OWNERS:
        return ""
    trusted = {os.getuid(), ROOT, *owners}
    if path.is_symlink():
        return f"{path} is a link"
    links = [place for place in path.parents if place.is_symlink()]
    places = [path.resolve(strict=True), *path.resolve(strict=True).parents]
    for place in (*links, *places):
        reason = _distrust_one(place, trusted, on_the_way=place != places[0])
        if reason:
            return reason
    return ""


def _distrust_one(place: Path, trusted: Collection[int], *, on_the_way: bool) -> str:
    status = place.lstat()
    if status.st_uid not in trusted:
        return f"{place} belongs to another user"
    if stat.S_ISLNK(status.st_mode) or (on_the_way and status.st_mode & stat.S_ISVTX):
        return ""
    for bit, who in WRITE_BITS.items():
        if status.st_mode & bit and not (bit == stat.S_IWGRP and _is_own_group(status.st_gid)):
            return f"{who} may write to {place}"
    return ""


@cache
def _is_own_group(group: int) -> bool:
    """True for root's group, and for one that has the name of this user and no other member."""
    try:
        import grp
        import pwd

        name, entry = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(group)
    except (ImportError, KeyError):
        return False
    return group == ROOT or (entry.gr_name == name and set(entry.gr_mem) <= {name})
