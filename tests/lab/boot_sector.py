"""The smallest guest: 512 bytes that dirty memory and beat on the serial port.

It needs a BIOS, no kernel and 16 MiB. The bytes are the output of GNU `as` for 16-bit x86 at 0x7c00;
each line carries the instruction it stands for, so nothing needs an assembler to run the tests.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from .namespaces import run

BANNER = "RECONCILER-BOOT-SECTOR-UP"
_DISK_BYTES = 16 * 1024 * 1024

_CODE = """
31 c0                  # start:  xor ax, ax
8e d8                  #         mov ds, ax
8e d0                  #         mov ss, ax
bc 00 7c               #         mov sp, 0x7c00
fc                     #         cld
fb                     #         sti              the BIOS clock below needs its interrupt
ba 02 06               #         mov dx, 0x602    ACPI: what raises an event
b8 00 01               #         mov ax, 0x100    its power button
ef                     #         out dx, ax
be 95 7c               #         mov si, banner
e8 5f 00               #         call print
66 31 db               #         xor ebx, ebx     the number of the beat
66 43                  # beat:   inc ebx
b8 00 20               #         mov ax, 0x2000
8e c0                  #         mov es, ax
31 ff                  #         xor di, di
89 d8                  #         mov ax, bx
b9 00 80               #         mov cx, 0x8000
f3 ab                  #         rep stosw        dirty 64 KiB from 0x20000
be b0 7c               #         mov si, word
e8 46 00               #         call print
66 89 d8               #         mov eax, ebx
31 c9                  #         xor cx, cx
66 31 d2               # digits: xor edx, edx
66 bd 0a 00 00 00      #         mov ebp, 10
66 f7 f5               #         div ebp
52                     #         push dx
41                     #         inc cx
66 85 c0               #         test eax, eax
75 ed                  #         jnz digits
58                     # emit:   pop ax
04 30                  #         add al, '0'
e8 33 00               #         call putc
e2 f8                  #         loop emit
b0 0a                  #         mov al, newline
e8 2c 00               #         call putc
8b 3e 6c 04            #         mov di, [0x46c]  BIOS ticks, 18.2 a second
83 c7 12               #         add di, 18
f4                     # wait:   hlt
ba 00 06               #         mov dx, 0x600    ACPI: what has happened
ed                     #         in ax, dx
f6 c4 01               #         test ah, 1       the power button?
74 07                  #         jz clock
ba 04 06               #         mov dx, 0x604
b8 00 20               #         mov ax, 0x2000   then off
ef                     #         out dx, ax
a1 6c 04               # clock:  mov ax, [0x46c]
29 f8                  #         sub ax, di
78 e8                  #         js wait          signed, so the counter may wrap
eb a4                  #         jmp beat
ac                     # print:  lodsb
84 c0                  #         test al, al
74 05                  #         jz done
e8 03 00               #         call putc
eb f6                  #         jmp print
c3                     # done:   ret
52                     # putc:   push dx
88 c4                  #         mov ah, al
ba fd 03               #         mov dx, 0x3fd    COM1 line status
ec                     # busy:   in al, dx
a8 20                  #         test al, 0x20    room in the transmitter?
74 fb                  #         jz busy
ba f8 03               #         mov dx, 0x3f8    COM1 data
88 e0                  #         mov al, ah
ee                     #         out dx, al
5a                     #         pop dx
c3                     #         ret
"""
# At 0x7c95 and 0x7cb0: `mov si` above names these places, so the banner's length is part of the code.
_TEXTS = f"{BANNER}\n\0beat \0".encode()


_HEEDS = bytes.fromhex("ba 02 06 b8 00 01")
_IGNORES = bytes.fromhex("ba 02 06 b8 00 00")


def boot_sector(*, heeds_button: bool = False) -> bytes:
    """512 bytes that a BIOS boots: the banner once, then `beat <n>` each second on COM1.

    With `heeds_button` the machine goes off when its ACPI power button is pressed; else it ignores it.
    """
    code = bytes.fromhex(" ".join(line.partition("#")[0] for line in _CODE.splitlines()))
    assert code.count(_HEEDS) == 1
    if not heeds_button:
        code = code.replace(_HEEDS, _IGNORES)
    return (code + _TEXTS).ljust(510, b"\0") + b"\x55\xaa"


def boot_sector_image(path: Path, *, heeds_button: bool = False, label: str = "") -> Path:
    """Write a bootable 16 MiB qcow2; the path comes back. Another `label` makes it another image."""
    with TemporaryDirectory() as scratch:
        raw = Path(scratch) / "disk.raw"
        raw.write_bytes(boot_sector(heeds_button=heeds_button) + label.encode())
        with raw.open("r+b") as disk:
            disk.truncate(_DISK_BYTES)
        run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(path)])
    return path
