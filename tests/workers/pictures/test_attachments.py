"""Pictures that people attach: harmless ones come out clean, hostile ones are refused, and none costs much memory."""

import asyncio
import io
import random
import resource
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image, ImageDraw, PngImagePlugin

from workers.decoding.limits import PictureRefused, check_header
from workers.pictures.attachments import DEFAULT_LIMITS, AttachmentRefused, clean_attachment, fit

MEBIBYTE = 1024**2


def drawn(width: int = 160, height: int = 120, mode: str = "RGB") -> Image.Image:
    """A red left half, a blue right half."""
    picture = Image.new("RGB", (width, height), "red")
    ImageDraw.Draw(picture).rectangle((width // 2, 0, width, height), fill="blue")
    return picture.convert(mode)


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data), formats=("PNG",))
    picture.load()
    return picture


def png_of(width: int, height: int, body: bytes = b"") -> bytes:
    """A PNG whose header promises that size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
async def test_formats_that_people_send(kind: str) -> None:
    cleaned = await clean_attachment(saved(drawn(), kind))
    picture = opened(cleaned.data)
    assert (picture.mode, picture.size) == ("RGB", (cleaned.width, cleaned.height)) == ("RGB", (160, 120))
    red, blue = picture.getpixel((20, 60)), picture.getpixel((140, 60))
    assert isinstance(red, tuple)
    assert isinstance(blue, tuple)
    assert red[0] > 200 > 60 > red[2]
    assert blue[2] > 200 > 60 > blue[0]


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1", "I;16"])
async def test_modes_of_png(mode: str) -> None:
    cleaned = await clean_attachment(
        saved(drawn().convert("L" if mode.startswith("I") else "RGB").convert(mode), "PNG")
    )
    assert opened(cleaned.data).mode == "RGB"


async def test_sixteen_bits_keep_their_brightness() -> None:
    half = Image.new("I;16", (100, 100), 0x8000)
    pixel = opened((await clean_attachment(saved(half, "PNG"))).data).getpixel((50, 50))
    assert isinstance(pixel, tuple)
    assert abs(pixel[0] - 128) <= 1


async def test_cmyk_becomes_rgb_and_transparency_white() -> None:
    assert opened((await clean_attachment(saved(drawn().convert("CMYK"), "JPEG"))).data).mode == "RGB"
    clear = Image.new("RGBA", (80, 80), (0, 0, 0, 0))
    assert opened((await clean_attachment(saved(clear, "PNG"))).data).getpixel((40, 40)) == (255, 255, 255)


async def test_nothing_but_pixels_survives() -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "home address 7")
    exif = Image.Exif()
    exif[0x010E] = "home address 7"
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 0.0)}
    for data in (
        saved(drawn(), "PNG", pnginfo=notes, exif=exif, icc_profile=b"home address 7" * 9),
        saved(drawn(), "JPEG", exif=exif, comment=b"home address 7"),
        saved(drawn(), "WEBP", exif=exif, xmp=b"home address 7"),
        saved(drawn(), "PNG") + b"home address 7",
    ):
        assert b"home address" in data
        cleaned = (await clean_attachment(data)).data
        assert b"home address" not in cleaned
        kinds: set[bytes] = set()
        at = 8
        while at < len(cleaned):
            length, kind = struct.unpack_from(">I4s", cleaned, at)
            kinds.add(kind)
            at += 12 + length
        assert kinds == {b"IHDR", b"IDAT", b"IEND"}


@pytest.mark.parametrize(("orientation", "corner"), [(1, (2, 60)), (3, (157, 60)), (6, (60, 2)), (8, (60, 157))])
async def test_the_camera_orientation_is_applied(orientation: int, corner: tuple[int, int]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    cleaned = await clean_attachment(saved(drawn(), "JPEG", quality=95, exif=exif))
    pixel = opened(cleaned.data).getpixel(corner)
    assert isinstance(pixel, tuple)
    assert pixel[0] > 200, "the red side"
    assert (cleaned.width < cleaned.height) == (orientation in {6, 8})


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
async def test_of_an_animation_the_first_frame_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (90, 90), colour) for colour in ("red", "blue", "green")]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)
    pixel = opened((await clean_attachment(data)).data).getpixel((40, 40))
    assert isinstance(pixel, tuple)
    assert pixel[0] > 240
    assert pixel[2] < 20


async def test_large_pictures_come_out_smaller() -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        cleaned = await clean_attachment(saved(drawn(4000, 2000), kind))
        assert (cleaned.width, cleaned.height) == (1536, 768)


async def test_fit_crops_about_the_middle() -> None:
    cleaned = await clean_attachment(saved(drawn(400, 100), "PNG"))
    square = opened(await fit(cleaned.data, 96, 96))
    assert square.size == (96, 96)
    assert square.getpixel((4, 48)) == (255, 0, 0)
    assert square.getpixel((90, 48)) == (0, 0, 255)


def deflated(size: int) -> bytes:
    return zlib.compress(b"\0" * size, 9)


REFUSED: list[tuple[str, str, Callable[[], bytes]]] = [
    ("nothing", "empty", lambda: b""),
    ("text", "unknown_format", lambda: b"hello, this is no picture"),
    ("svg", "unknown_format", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    ("pdf", "unknown_format", lambda: b"%PDF-1.7\n"),
    ("tiff", "unknown_format", lambda: saved(drawn(), "TIFF")),
    ("bmp", "unknown_format", lambda: saved(drawn(), "BMP")),
    ("eps", "unknown_format", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n"),
    ("too many bytes", "too_big", lambda: b"\x89PNG\r\n\x1a\n" + b"\0" * DEFAULT_LIMITS.bytes),
    ("tiny", "too_small", lambda: saved(drawn(16, 16), "PNG")),
    ("no height", "too_small", lambda: png_of(100, 0)),
    ("a line", "too_narrow", lambda: saved(drawn(2000, 80), "PNG")),
    ("bomb by size", "too_many_pixels", lambda: png_of(60_000, 60_000, deflated(1000))),
    ("bomb by zip", "too_many_pixels", lambda: png_of(9000, 9000, deflated(9000 * 27_001))),
    ("gif bomb", "too_many_pixels", lambda: b"GIF89a" + struct.pack("<HH", 65_000, 65_000) + b"\0" * 30),
    (
        "webp bomb",
        "too_many_pixels",
        lambda: b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff\x3f\0" * 2 + b"\0" * 9,
    ),
    ("header only", "broken", lambda: png_of(200, 200)),
    ("a png that is a jpeg", "broken", lambda: png_of(200, 200)[:33] + saved(drawn(), "JPEG")),
    ("cut png", "broken", lambda: saved(drawn(), "PNG")[:120]),
    ("cut jpeg", "broken", lambda: saved(drawn(800, 600), "JPEG")[:2000]),
    ("cut webp", "broken", lambda: saved(drawn(800, 600), "WEBP")[:100]),
    ("jpeg without a frame", "unknown_format", lambda: b"\xff\xd8\xff\xe0\0\x10" + b"\0" * 14 + b"\xff\xd9"),
    ("arithmetic jpeg", "unknown_format", lambda: b"\xff\xd8\xff\xc9\0\x0b\x08\0\x80\0\x80\x01\x01\x11\0"),
    ("jpeg of markers", "too_costly", lambda: b"\xff\xd8" + b"\xff\xe0\0\x02" * 100_000),
]


@pytest.mark.parametrize(("reason", "make"), [(r, m) for _, r, m in REFUSED], ids=[name for name, _, _ in REFUSED])
async def test_refusals_say_why(reason: str, make: Callable[[], bytes]) -> None:
    with pytest.raises(AttachmentRefused) as refused:
        await clean_attachment(make())
    assert refused.value.key == f"attachment.{reason}"
    assert refused.value.detail


async def test_a_frame_larger_than_its_gif_is_no_way_around_the_limit() -> None:
    data = bytearray(saved(drawn(100, 100, "P"), "GIF"))
    palette = 3 * 2 ** ((data[10] & 7) + 1) if data[10] & 0x80 else 0
    frame = data.index(b"\x2c", 13 + palette)
    data[frame + 5 : frame + 9] = struct.pack("<HH", 60_000, 60_000)
    with pytest.raises(AttachmentRefused):
        await clean_attachment(bytes(data))


def malformed(count: int) -> list[bytes]:
    """Whole pictures with bytes changed, cut out, doubled or moved: of all formats and always the same."""
    chance = random.Random(20_261)
    noise = Image.frombytes("RGB", (300, 200), chance.randbytes(300 * 200 * 3))
    exif = Image.Exif()
    exif[0x010E] = "x" * 500
    originals = [
        saved(drawn(300, 200), "PNG"), saved(noise, "PNG"), saved(drawn(300, 200), "JPEG", exif=exif),
        saved(noise, "JPEG", progressive=True), saved(noise, "WEBP"), saved(drawn(300, 200), "WEBP", lossless=True),
        saved(drawn(300, 200), "GIF"), saved(noise, "GIF", save_all=True, append_images=[drawn(300, 200)]),
    ]  # fmt: skip
    found: list[bytes] = []
    for number in range(count):
        data = bytearray(chance.choice(originals))
        for _ in range(chance.choice((1, 1, 3, 20))):
            if len(data) < 2:
                break
            at = chance.randrange(min(len(data), chance.choice((40, 400, len(data)))))
            change = chance.randrange(5)
            if change == 0:
                data[at] = chance.randrange(256)
            elif change == 1:
                del data[at : at + chance.choice((1, 2, 100))]
            elif change == 2:
                data[at:at] = chance.randbytes(chance.choice((1, 4, 100)))
            elif change == 3:
                data[at : at + 4] = b"\xff\xff\xff\xff"
            else:
                data[at : at + 4] = b"\0\0\0\0"
        if number % 10 == 0:
            del data[chance.randrange(1, len(data) + 1) :]
        found.append(bytes(data))
    return found


async def test_five_hundred_malformed_pictures_cost_little_memory_and_raise_nothing_else() -> None:
    await clean_attachment(saved(drawn(3000, 2000), "JPEG"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = taken = 0
    files = malformed(500)
    for start in range(0, len(files), 10):
        results = await asyncio.gather(
            *(clean_attachment(data) for data in files[start : start + 10]), return_exceptions=True
        )
        for result in results:
            if isinstance(result, AttachmentRefused):
                assert result.key.startswith("attachment.")
                refused += 1
            else:
                assert not isinstance(result, BaseException), repr(result)
                assert opened(result.data).size == (result.width, result.height)
                taken += 1
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    # Some changes hit pixels only, and leave a picture.
    assert refused > 250
    assert taken > 20
    assert grown < 300 * MEBIBYTE


async def test_bombs_are_refused_before_they_are_decoded() -> None:
    bombs = [
        png_of(30_000, 30_000, deflated(MEBIBYTE)),
        png_of(5000, 9000, deflated(9000 * 15_001)),
        png_of(2**31 - 1, 2**31 - 1),
    ]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for bomb in bombs:
        with pytest.raises(PictureRefused):
            check_header(bomb, DEFAULT_LIMITS)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 8 * MEBIBYTE


async def test_a_picture_of_countless_chunks_is_refused_before_a_decoder_reads_them() -> None:
    whole = saved(drawn(), "PNG")
    chunk = struct.pack(">I", 3) + b"tEXtk\0v" + struct.pack(">I", zlib.crc32(b"tEXtk\0v"))
    assert check_header(whole[:33] + 100 * chunk + whole[33:], DEFAULT_LIMITS).format == "PNG"
    with pytest.raises(PictureRefused):
        check_header(whole[:33] + 100_000 * chunk + whole[33:], DEFAULT_LIMITS)


async def test_a_bomb_in_a_text_chunk_is_refused() -> None:
    whole = saved(drawn(), "PNG")
    packed = b"Comment\0\0" + deflated(200 * MEBIBYTE)
    chunk = struct.pack(">I", len(packed)) + b"zTXt" + packed + struct.pack(">I", zlib.crc32(b"zTXt" + packed))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(AttachmentRefused):
        await clean_attachment(whole[:33] + chunk + whole[33:])
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 100 * MEBIBYTE
