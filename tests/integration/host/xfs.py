# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An empty XFS that can share blocks between files (mkfs.xfs -m reflink=1, xfsprogs 6.1), for a loop device: what of its 300 MiB is not zero.

A machine that runs these tests has a kernel that can mount one, and no program that makes one.
"""

from __future__ import annotations

import base64
import lzma
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SECTOR, _SIZE = 512, 314572800
# Number (4 bytes) and content of each sector, compressed.
_SECTORS = (
    "{Wp48S^xk9=GL@E0stWa8~^|S5YJf5;LVo>C0zgjXq0AcGM_9yt<yR^`;ti?=xZ;T<ct7zRwfM-0D<E^AuyGHCVM~jq3xS=gA)Z0)Zfbp^$v7Cw4{M7zqgwV"
    "U}t+p>G1_dsAq(v7Dbs=kf2oW<sWZLtWQtPyz3*@l8FbniYtY%grl`MHQMhMd)CgQ!?bB(ocEMWi2Uch5q!&nx5{b+K!h=b0;c3<kCU940(8Ac7(C0aW9a_c"
    "j-f%XbF`N|Hn)D1$v8+tCWGebZ#qMB8tWem6jCW@+E+nLAB-8a^Dab;20tLE!SPcG8^_14MMc!LscRvf(Jet^I_8FBcC@YF>{Hz+`NJy%LCa(O2w@MUcg?T?"
    "<;hYd?QM&XW-hDTLM`wMIuzTJza<Ilol@N?yF`r?38x0Xq-7WctsYj8xb2p*-LtUo{Ju5s5`>>v=6E20?1CycZxE)+CQP9KOyYa=^?qY303*W6{%=Z;$m1)2"
    "PcLaT@`Q%)WCnhg!Lfsl78``7n}F9$%U@B3AO}0UEW?I5vP3Ph4-wNCii>HilbQhb!w-|ayb4LIfpTO`(GE%z9CFCw%LFZf{;`JobuP(8M|Q;ddEZR>+Y?)6"
    "`)+!4qCLE^20s#07<CwEaYqvA<6GQ0Jo4@;UzY=Cte2Bj9Z|EnjC*H81RB`)OdNp*0p!$0y*aK0vV0O#suBC>E=zJY-k*uo*0qq>FJENdE-s-r0wTc@fimBL"
    "x^|pt{);4zXw1h{67w3rgIJyIJ;kQKASErDk~AoA4+1A=Y)%tlhYyukU{i=f968eNcsns}e=<+~C*T0l;BJ#a#-|sTZjbiJu#T_(d9cbz$2*TK^yxmL`USPX"
    "kMj3)xabEgzx-8MXoBQ@qdaK19L%~7TOp0&8Pb=4?>%A30<iKj=VBb1vJ65NDQ#Pjjv&zD7-+k=V&zt^hnyv!w}WBZyxAx`wwfWAwrQQa%rQ-XpA`pMLa3U?"
    "eOnEv6};y}m5rE%y4j>Szxk34m$*4(oC?(M5;$)9ZI8N=dPdBVPLVvK?^=-Z!dO_^&L^w|E6erf!VDkurK6~`#5c2|Q5bX~M<_3j;p&VLVXoUo1-6!s7qbt1"
    "#S|dhnfwu9m!Zvs3+L@OuZJaWTk;d&_a9xq;Te-Vroa%ER%c<wPD&x}S7^PR9F8@)xDMdNuW)jDW|4_ni8Gfz3&dn8zJWLe?><v5cQDU`LG*b^<`tJDlOpq_"
    "|5;dics|boebtS%+lJ(azF(%9P3jaU=&T*6Eh7HW$9!7`e?}wfp6&|lq1$>B4kAX^r2r~~k{k{s^JZk=tiJ>LR`ju{*poO|l`SB?>)^5_=rCzcp4J|1${hJ("
    "qJMm21mgc$OJ@3Dz62UW08wQ@-rPot{oZf(Ch1bE+52}_T7B~OsIe0(syZp1FFl<v{*^;OcWp&Bk4W3GhP;nAU2~`$p0&_|6w5FSvTLw0TvKh#$%VuPS>2nA"
    "37!uZPxozX^7f6EpJC*9CxA?8wOZuyHSS-I1~fU2dEBj-LVQ#LNBN=9yf(>MHJNHe7G5nLg50D#zN!*kJ#lcgc${fs7mN!0Ws_Z8yoB`DTPUpl775;gZ7Ni9"
    "W{%k`5*IAc2N{_q%qX<Vq!*ic9fvyo_iP&J%L)_iplxmi><Mu`tw%W7fNAdddI0WVGAcrcy!U<9&}k>pqukI1ie&0xH`ET$?PGMGfIEksNc8O!-$x&6uHHZr"
    "VGIiF00000P=A4yk?kL200F@Yn41Ft^vurjvBYQl0ssI200dcD"
)


@contextmanager
def mounted(folder: Path) -> Iterator[Path]:
    """A folder on it."""
    place = folder / "xfs"
    place.mkdir()
    rest = lzma.decompress(base64.b85decode(_SECTORS))
    with open(folder / "xfs.image", "wb") as image:
        image.truncate(_SIZE)
        for begin in range(0, len(rest), 4 + _SECTOR):
            number = int.from_bytes(rest[begin : begin + 4], "big")
            os.pwrite(image.fileno(), rest[begin + 4 : begin + 4 + _SECTOR], number * _SECTOR)
    # Several of them have one and the same id.
    subprocess.run(["mount", "-o", "loop,nouuid", str(folder / "xfs.image"), str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)
