"""Folders of pictures, and crops that are a pure function of seed, step and slot."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features

from styletransfer.errors import ImageError, OptionError, TrainingError
from styletransfer.images.folders import Problem
from styletransfer.training.data import batches as batches_module
from styletransfer.training.data.batches import batches, default_workers
from styletransfer.training.data.crops import CropBatch, Crops, CropSettings, _crop
from styletransfer.training.data.folder import PictureFolder, count_shared, too_many_problems

PLAIN = CropSettings(size=32, jitter=0)


@pytest.fixture
def with_bad(pictures: Path) -> Path:
    """Three usable pictures and the four classic bad ones."""
    whole = (pictures / "b.jpg").read_bytes()
    (pictures / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (pictures / "text.jpg").write_text("not a picture")
    Image.new("RGB", (10, 10)).save(pictures / "small.png")
    (pictures / "x.png").mkdir()
    return pictures


def reasons(folder: PictureFolder) -> dict[str, str]:
    return {problem.path.name: problem.reason for problem in folder.problems}


def same(first: CropBatch, second: CropBatch) -> bool:
    return first.numbers == second.numbers and torch.equal(first.pictures, second.pictures)


class TestFolder:
    def test_finds_pictures_in_folders_of_folders(self, pictures: Path) -> None:
        found = PictureFolder(pictures)
        assert [path.relative_to(pictures).as_posix() for path in found.paths] == ["a.png", "b.jpg", "more/c.PNG"]
        assert len(found) == found.files == 3
        assert found.problems == []

    def test_follows_links_once(self, pictures: Path) -> None:
        (pictures / "more" / "back").symlink_to(pictures, target_is_directory=True)
        (pictures / "d.png").symlink_to(pictures / "a.png")
        (pictures / "e.png").symlink_to(pictures / "nowhere.png")
        found = PictureFolder(pictures)
        assert len(found) == 4
        assert reasons(found) == {"e.png": "the file is gone, or a link that leads nowhere"}

    def test_passes_over_what_the_system_left(self, pictures: Path) -> None:
        (pictures / "._a.png").write_bytes(b"\0" * 100)
        (pictures / ".thumbnails").mkdir()
        (pictures / ".thumbnails" / "a.png").write_bytes((pictures / "a.png").read_bytes())
        assert PictureFolder(pictures).files == 3

    def test_all_bad_files_are_named(self, with_bad: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (with_bad / "none.jpg").touch()
        (with_bad / "readme.txt").write_text("no picture, and does not claim to be one")
        Image.new("L", (400, 400)).save(with_bad / "vast.png")
        monkeypatch.setattr("styletransfer.images.decode.MAX_PIXELS", 100_000)
        found = PictureFolder(with_bad)
        assert len(found) == 3
        assert reasons(found) == {
            "cut.jpg": "cut short or damaged",
            "none.jpg": "not a picture, the file is empty",
            "small.png": "only 10x10 pixels (width x height), at least 64 are wanted",
            "text.jpg": "not a picture",
            "vast.png": "too many pixels (decompression bomb)",
            "x.png": "a folder, named like a picture",
        }
        assert [problem.path.name for problem in found.problems if problem.kind == "tiny"] == ["small.png"]
        assert found.files == 9

    def test_headers_show_all_but_what_is_cut_short(self, with_bad: Path) -> None:
        found = PictureFolder(with_bad, check="header")
        assert set(reasons(found)) == {"small.png", "text.jpg", "x.png"}
        assert [found.picture(n) is None for n in range(4)] == [False, False, True, False]  # cut.jpg
        assert found.picture(2) is None
        assert [problem.path.name for problem in found.problems].count("cut.jpg") == 1
        with pytest.raises(ImageError, match=r'cut\.jpg" cannot be used: cut short or damaged\. Remove it'):
            found.whole(2)

    def test_a_large_folder_is_looked_at_by_its_headers(
        self, with_bad: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("styletransfer.training.data.folder.FULL_LOOK", 2)
        assert "cut.jpg" not in reasons(PictureFolder(with_bad))
        assert "cut.jpg" in reasons(PictureFolder(with_bad, check="full"))

    def test_files_that_may_not_be_read(self, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        real = Path.open

        def guarded(path: Path, *args: object, **kwargs: object) -> object:
            if path.name == "b.jpg":
                raise PermissionError(13, "Permission denied", str(path))
            return real(path, *args, **kwargs)  # type: ignore[call-overload]

        monkeypatch.setattr(Path, "open", guarded)
        assert reasons(PictureFolder(pictures)) == {"b.jpg": "no permission"}

    @pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is closed to the administrator")
    def test_folders_that_may_not_be_entered(self, pictures: Path) -> None:
        (pictures / "more").chmod(0)
        try:
            assert reasons(PictureFolder(pictures)) == {"more": "no permission"}
        finally:
            (pictures / "more").chmod(0o755)

    @pytest.mark.parametrize("suffix", ["jfif", "JPE", "avif", "gif"])
    def test_every_suffix_of_a_format_that_is_read(self, pictures: Path, suffix: str) -> None:
        kind = {"jfif": "JPEG", "JPE": "JPEG"}.get(suffix, suffix.upper())
        if kind == "AVIF" and not features.check("avif"):
            pytest.skip("this Pillow reads no AVIF")
        Image.new("RGB", (80, 70), (200, 20, 20)).save(pictures / f"x.{suffix}", format=kind)
        assert pictures / f"x.{suffix}" in PictureFolder(pictures).paths

    def test_pictures_of_other_formats_are_named_but_stop_nothing(self, pictures: Path) -> None:
        for number in range(30):
            (pictures / f"{number:02}.HEIC").write_bytes(b"phone")
        found = PictureFolder(pictures)
        assert (len(found), found.files, len(found.problems)) == (3, 3, 30)
        assert reasons(found)["07.HEIC"] == "of a format that is not read (.heic); export it as JPEG or PNG"
        found.check_problems()

    def test_progress_is_told(self, pictures: Path) -> None:
        told: list[tuple[int, int]] = []
        PictureFolder(pictures, on_progress=lambda *count: told.append(count))
        assert told == [(1, 3), (2, 3), (3, 3)]

    def test_pictures_are_reduced_but_never_enlarged(self, pictures: Path) -> None:
        found = PictureFolder(pictures, short_edge=70)
        sizes = [tuple(found.whole(n).shape) for n in range(3)]
        assert sizes == [(1, 3, 70, 84), (1, 3, 120, 70), (1, 3, 64, 64)]

    def test_large_photos_keep_their_proportions_and_colours(self, tmp_path: Path) -> None:
        Image.new("RGB", (2000, 1500), (200, 100, 50)).save(tmp_path / "x.jpg")  # decoded at a fraction
        picture = PictureFolder(tmp_path, short_edge=96).picture(0)
        assert picture is not None
        assert (picture.shape, picture.dtype) == ((3, 96, 128), torch.uint8)
        assert picture.float().mean((1, 2)).tolist() == pytest.approx([200, 100, 50], abs=2)

    @pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "I;16", "1"])
    def test_every_mode_becomes_rgb_bytes(self, tmp_path: Path, mode: str) -> None:
        if mode == "I;16":
            picture = Image.fromarray(np.full((70, 80), 128 * 257, np.uint16))
        else:
            picture = Image.new("L", (80, 70), 128).convert("RGB")
            picture = picture.quantize(8) if mode == "P" else picture.convert(mode)
        picture.save(tmp_path / "x.tif")
        read = PictureFolder(tmp_path).picture(0)
        assert read is not None
        assert (read.shape, read.dtype) == ((3, 70, 80), torch.uint8)
        if mode != "1":
            assert (read.float() - 128).abs().max() <= 3

    def test_pictures_are_turned_upright(self, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6  # taken with the camera on its side
        Image.new("RGB", (100, 70)).save(tmp_path / "x.jpg", exif=exif)
        assert PictureFolder(tmp_path).whole(0).shape == (1, 3, 100, 70)

    def test_whole_is_the_picture(self, pictures: Path) -> None:
        with Image.open(pictures / "a.png") as opened:
            expected = torch.from_numpy(np.array(opened)).permute(2, 0, 1)[None] / 255
        torch.testing.assert_close(PictureFolder(pictures).whole(0), expected)

    def test_what_fits_is_kept_and_the_rest_read_again(self, pictures: Path) -> None:
        roomy, tight, none = (PictureFolder(pictures, cache_megabytes=m) for m in (1, 0.03, 0))
        for path in pictures.rglob("*.*"):
            path.unlink()
        assert [roomy.picture(n) is not None for n in range(3)] == [True, True, True]
        # 3 x 80 x 96 bytes fit, the next does not, 3 x 64 x 64 do not.
        assert [tight.picture(n) is not None for n in range(3)] == [True, False, False]
        assert [none.picture(n) is not None for n in range(3)] == [False, False, False]
        assert len(none.problems) == 3

    def test_a_copy_leaves_the_memory_behind(self, pictures: Path) -> None:
        found = PictureFolder(pictures)
        sent = pickle.dumps(found)
        assert len(sent) < 3 * 64 * 64
        copy = pickle.loads(sent)
        assert torch.equal(copy.whole(1), found.whole(1))
        assert (copy.paths, copy.fingerprint()) == (found.paths, found.fingerprint())

    def test_the_fingerprint_is_that_of_the_names(self, pictures: Path, tmp_path: Path) -> None:
        before = PictureFolder(pictures).fingerprint()
        moved = pictures.rename(tmp_path / "elsewhere")
        assert PictureFolder(moved).fingerprint() == before
        (moved / "b.jpg").unlink()
        assert PictureFolder(moved).fingerprint() != before

    def test_counts_what_two_folders_share(self, pictures: Path) -> None:
        whole, part = PictureFolder(pictures), PictureFolder(pictures / "more" / ".." / "more")
        assert count_shared(whole, whole) == 3
        assert count_shared(whole, part) == 1


class TestRefusals:
    def test_no_folder(self, pictures: Path, tmp_path: Path) -> None:
        with pytest.raises(ImageError, match=r'content folder ".*" does not exist\. Did you mean "pictures"\?'):
            PictureFolder(tmp_path / "picture", what="content")
        with pytest.raises(ImageError, match=r'does not exist, nor does ".*missing"; check the path\.$'):
            PictureFolder(tmp_path / "missing" / "pictures")
        with pytest.raises(ImageError, match=r"is a file; give its folder\.$"):
            PictureFolder(pictures / "a.png")

    def test_nothing_to_learn_from(self, tmp_path: Path) -> None:
        with pytest.raises(ImageError, match=r"is empty; wanted are pictures \(\.jpg, .* or \.tiff\) in it"):
            PictureFolder(tmp_path)
        (tmp_path / "notes.txt").touch()
        with pytest.raises(ImageError, match=r"holds 1 file\(s\), none of which is named like a picture"):
            PictureFolder(tmp_path)
        (tmp_path / "x.png").mkdir()
        with pytest.raises(ImageError, match=r"no picture file, and \".*x\.png\" is a folder, named like a"):
            PictureFolder(tmp_path)
        (tmp_path / "y.png").write_text("no")
        with pytest.raises(
            ImageError, match=r"no usable picture; at least 1 needed\. 2 left out: .*y\.png \(not a"
        ):
            PictureFolder(tmp_path)

    def test_too_few(self, pictures: Path) -> None:
        with pytest.raises(ImageError, match=r"holds only 1 usable picture\(s\); at least 2 needed\. Add pict"):
            PictureFolder(pictures / "more", at_least=2)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"short_edge": 63}, "short_edge must be a whole number of at least 64, got 63"),
            ({"cache_megabytes": -1}, "cache_megabytes must be of at least 0"),
            ({"check": "ful"}, "Unknown check 'ful'. Did you mean \"full\""),
            ({"at_least": 0}, "at_least must be a whole number of at least 1"),
        ],
    )
    def test_options(self, pictures: Path, options: dict[str, object], message: str) -> None:
        with pytest.raises(OptionError) as caught:
            PictureFolder(pictures, **options)
        assert message in str(caught.value)


class TestTooManyProblems:
    @pytest.mark.parametrize(
        ("bad", "files", "stops"),
        [(4, 12, False), (9, 20, False), (10, 20, True), (10, 1000, False), (11, 1000, True)],
    )
    def test_more_than_1_percent_and_at_least_10(self, bad: int, files: int, stops: bool) -> None:
        assert too_many_problems(bad, files) is stops

    def test_four_bad_ones_of_a_dozen_go_on(self, with_bad: Path) -> None:
        PictureFolder(with_bad).check_problems()

    def test_the_message_names_five_and_the_way_out(self, pictures: Path) -> None:
        for number in range(12):
            (pictures / f"{number:02}.jpg").write_text("no")
        found = PictureFolder(pictures)
        with pytest.raises(TrainingError) as caught:
            found.check_problems()
        told = str(caught.value)
        assert "12 of the 15 files" in told
        assert "(80.0%;" in told
        assert "04.jpg (not a picture); and 7 more." in told
        assert "05.jpg" not in told
        assert f"styletransfer data scan {pictures}" in told

    def test_problems_from_elsewhere_count_once(self, pictures: Path) -> None:
        found = PictureFolder(pictures)
        assert found.note(Problem(pictures / "a.png", "no permission"))
        assert not found.note(Problem(pictures / "a.png", "cut short or damaged"))
        assert len(found.problems) == 1


class TestCropSettings:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"size": 0}, "size must be a whole number of at least 16, got 0"),
            ({"smallest": 0}, "smallest must be above 0 and at most 1, got 0"),
            ({"widest": -1}, "widest must be of at least 0, got -1"),
            ({"jitter": 1}, r"jitter must be in \[0, 0.9\], got 1"),
            ({"flip": 1}, "flip must be True or False, got 1"),
        ],
    )
    def test_values_out_of_range(self, options: dict[str, object], message: str) -> None:
        with pytest.raises(OptionError, match=message):
            CropSettings(**options)

    def test_seeds(self, pictures: Path) -> None:
        with pytest.raises(OptionError, match="seed must be a whole number of at least 0"):
            Crops(PictureFolder(pictures), seed=-1)


class TestCrops:
    @pytest.mark.parametrize("size", [16, 64, 128])
    def test_shape_and_range(self, pictures: Path, size: int) -> None:
        batch = Crops(PictureFolder(pictures), CropSettings(size=size), seed=0).batch(0, range(5))
        assert (batch.pictures.shape, batch.pictures.dtype) == ((5, 3, size, size), torch.float32)
        assert 0 <= batch.pictures.min() <= batch.pictures.max() <= 1
        assert len(batch.numbers) == 5
        assert batch.problems == ()

    def test_depend_on_seed_step_and_slot_alone(self, pictures: Path) -> None:
        def crops(**options: int) -> Crops:
            return Crops(PictureFolder(pictures), CropSettings(size=32), **{"seed": 1} | options)

        first = crops()
        expected = [first.batch(step, range(4)) for step in range(4)]
        torch.rand(3)
        again = crops()
        for step in (3, 0, 2, 1):
            assert same(again.batch(step, range(4)), expected[step])
        others = [again.batch(9, range(4)), crops(seed=2).batch(0, range(4)), crops(stream=1).batch(0, range(4))]
        assert not any(same(other, expected[0]) for other in others)

    def test_do_not_touch_the_global_random_state(self, pictures: Path) -> None:
        before = torch.get_rng_state(), np.random.get_state()[1].tolist()
        Crops(PictureFolder(pictures), seed=0).batch(0, range(2))
        assert torch.equal(torch.get_rng_state(), before[0])
        assert np.random.get_state()[1].tolist() == before[1]

    def test_do_not_depend_on_the_number_of_threads(self, tmp_path: Path) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "x.png")
        crops, threads = Crops(PictureFolder(tmp_path), seed=0), torch.get_num_threads()
        try:
            torch.set_num_threads(1)
            alone = crops.batch(0, range(6))
            torch.set_num_threads(3)
            assert same(crops.batch(0, range(6)), alone)
        finally:
            torch.set_num_threads(threads)

    def test_two_processes_see_the_batch_of_one(self, pictures: Path) -> None:
        crops = Crops(PictureFolder(pictures), PLAIN, seed=3)
        whole = crops.batch(7, range(8))
        halves = [crops.batch(7, range(4 * rank, 4 * rank + 4)) for rank in range(2)]
        assert torch.equal(torch.cat([half.pictures for half in halves]), whole.pictures)
        assert halves[0].numbers + halves[1].numbers == whole.numbers

    def test_every_picture_has_its_turn(self, pictures: Path) -> None:
        numbers = Crops(PictureFolder(pictures), PLAIN, seed=0).batch(0, range(300)).numbers
        assert all(70 < numbers.count(number) < 130 for number in range(3))

    def test_show_parts_and_wholes_and_mirrored_ones(self, tmp_path: Path) -> None:
        ramp = np.tile(np.arange(200, dtype=np.uint8), (200, 1))
        Image.fromarray(ramp).save(tmp_path / "ramp.png")
        folder = PictureFolder(tmp_path)
        crops = Crops(folder, CropSettings(size=64, jitter=0), seed=0).batch(0, range(60)).pictures
        spans = (crops.amax((1, 2, 3)) - crops.amin((1, 2, 3))) * 255
        assert spans.min() < 50  # 0.55 x 64 pixels are 35
        assert spans.max() > 170
        mirrored = (crops[:, 0, 0, -1] < crops[:, 0, 0, 0]).sum().item()
        assert 15 < mirrored < 45
        straight = Crops(folder, CropSettings(size=64, jitter=0, flip=False), seed=0).batch(0, range(60)).pictures
        assert (straight[:, 0, 0, -1] > straight[:, 0, 0, 0]).all()

    def test_jitter_changes_brightness_and_contrast_by_a_fifth(self, tmp_path: Path) -> None:
        Image.new("RGB", (64, 64), (100, 100, 100)).save(tmp_path / "flat.png")
        levels = Crops(PictureFolder(tmp_path), CropSettings(size=16), seed=0).batch(0, range(200)).pictures
        levels = levels.mean((1, 2, 3)) * 255 / 100
        assert 0.8 <= levels.min() < 0.83
        assert 1.17 < levels.max() <= 1.2
        halves = np.zeros((64, 64, 3), np.uint8)
        halves[:, :32] = 100
        picture = torch.from_numpy(halves).permute(2, 0, 1)
        for contrast, expected in ((0.0, 80.0), (0.5, 100.0), (1.0, 110.0)):  # 50 plus or minus 50; below 0 is cut
            crop = _crop(picture, [0.999999, 0, 0, 1, 0.5, contrast], CropSettings(size=64)) * 255
            assert (crop.max() - crop.min()).item() == pytest.approx(expected, abs=1e-3)

    @pytest.mark.parametrize(
        ("widest", "side"), [(0.0, 160), (1.25, 80), (0.1, 48), (9.0, 160)], ids=["whole", "some", "least", "most"]
    )
    def test_the_widest_covers_what_was_asked_for(self, widest: float, side: int) -> None:
        picture = torch.arange(160).to(torch.uint8).expand(3, 160, 160)
        settings = CropSettings(size=64, smallest=0.75, widest=widest, jitter=0)
        crop = _crop(picture, [0.999999, 0, 0, 1, 0, 0], settings) * 255
        assert crop.max().item() == pytest.approx(side - 1, abs=1.5)

    @settings(max_examples=30)
    @given(
        height=st.integers(64, 150),
        width=st.integers(64, 150),
        size=st.integers(16, 100),
        smallest=st.floats(0.01, 1),
        draws=st.lists(st.floats(0, 1, exclude_max=True), min_size=6, max_size=6),
    )
    def test_lie_within_the_picture_and_its_range(
        self, height: int, width: int, size: int, smallest: float, draws: list[float]
    ) -> None:
        rows, columns = torch.arange(height)[:, None], torch.arange(width)
        picture = torch.stack([rows.expand(height, width), columns.expand(height, width), rows + columns])
        picture = picture.clamp(max=255).to(torch.uint8)
        plain = CropSettings(size=size, smallest=smallest, jitter=0)
        crop = _crop(picture, draws, plain)
        assert crop.shape == (3, size, size)
        assert crop.min() >= 0
        assert crop[0].max() * 255 <= height - 1 + 1e-3
        assert crop[1].max() * 255 <= width - 1 + 1e-3
        jittered = _crop(picture, draws, dataclasses.replace(plain, jitter=0.9))
        assert 0 <= jittered.min() <= jittered.max() <= 1


class TestBadWhileTraining:
    def test_is_skipped_and_told_once(self, with_bad: Path) -> None:
        folder = PictureFolder(with_bad, check="header")
        crops = Crops(folder, PLAIN, seed=0)
        told = [problem.path.name for step in range(6) for problem in crops.batch(step, range(4)).problems]
        assert told == ["cut.jpg"]
        assert 2 not in crops.batch(0, range(40)).numbers

    def test_the_others_keep_their_crops(self, with_bad: Path) -> None:
        first = Crops(PictureFolder(with_bad, check="header"), PLAIN, seed=0)
        second = Crops(PictureFolder(with_bad, check="header"), PLAIN, seed=0)
        expected = [second.batch(step, range(4)) for step in range(5, -1, -1)][::-1]
        assert all(same(first.batch(step, range(4)), expected[step]) for step in range(6))

    def test_a_drive_that_is_gone_ends_the_run(self, pictures: Path) -> None:
        crops = Crops(PictureFolder(pictures, cache_megabytes=0), PLAIN, seed=0)
        for path in pictures.rglob("*.*"):
            path.unlink()
        with pytest.raises(TrainingError, match=r"100 pictures in a row .* Is the drive still there\?.*--resume"):
            crops.batch(0, range(2))


class TestBatches:
    def sources(self, folder: Path) -> tuple[Crops, Crops]:
        """Content and style, from the same folder."""
        content, style = PictureFolder(folder, check="header"), PictureFolder(folder, check="header")
        return (
            Crops(content, CropSettings(size=32), seed=5),
            Crops(style, CropSettings(size=48, jitter=0), seed=5, stream=1),
        )

    def test_come_in_order(self, pictures: Path) -> None:
        sources = self.sources(pictures)
        made = list(batches(sources, range(3, 6), range(4)))
        assert len(made) == 3
        for step, pair in zip(range(3, 6), made, strict=True):
            assert all(same(b, s.batch(step, range(4))) for b, s in zip(pair, sources, strict=True))
            assert pair[0].numbers != pair[1].numbers or step != 3

    def test_in_parts(self, pictures: Path) -> None:
        sources = self.sources(pictures)
        parts = [content for content, _ in batches(sources, range(2), range(4, 10), parts=3)]
        assert len(parts) == 6
        whole = sources[0].batch(1, range(4, 10))
        assert torch.equal(torch.cat([part.pictures for part in parts[3:]]), whole.pictures)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"parts": 3}, r"A batch of 4 cannot be given in 3 equal part\(s\)"),
            ({"slots": range(0)}, "A batch of 0 cannot be given"),
            ({"workers": -1}, "num_workers must be a whole number of at least 0"),
        ],
    )
    def test_options_are_checked_at_once(self, pictures: Path, options: dict[str, object], message: str) -> None:
        with pytest.raises(OptionError, match=message):
            batches(self.sources(pictures), range(1), **{"slots": range(4)} | options)

    def test_workers_make_the_same_batches_until_one_dies(self, with_bad: Path) -> None:
        alone = list(batches(self.sources(with_bad), range(8), range(4)))
        sources = self.sources(with_bad)
        with closing(batches(sources, range(10_000), range(4), workers=2)) as steps:
            for expected in alone:
                assert all(same(a, b) for a, b in zip(next(steps), expected, strict=True))
            assert [problem.path.name for problem in sources[0].folder.problems].count("cut.jpg") == 1
            multiprocessing.active_children()[0].kill()
            with pytest.raises(
                TrainingError, match=r"loads batches died.* memory .*--resume and --num-workers 0\.$"
            ):
                for _ in steps:
                    pass
        assert multiprocessing.active_children() == []

    def test_a_worker_is_modest_and_leaves_signals_to_the_training(
        self, pictures: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sources = self.sources(pictures)
        rooms = [source.folder._room for source in sources]
        info = SimpleNamespace(dataset=batches_module._Parts((*sources, sources[1])), num_workers=4)
        monkeypatch.setattr(batches_module, "get_worker_info", lambda: info)
        handlers = {kind: signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)}
        try:
            batches_module._start_worker(0)
            assert {signal.getsignal(kind) for kind in handlers} == {signal.SIG_IGN}
        finally:
            for kind, handler in handlers.items():
                signal.signal(kind, handler)
        assert [source.folder._room for source in sources] == [room // 4 for room in rooms]

    def test_errors_of_a_worker_keep_their_sentence(self, pictures: Path) -> None:
        sources = self.sources(pictures)
        for path in pictures.rglob("*.*"):
            path.unlink()
        with (
            closing(batches(sources, range(9), range(4), workers=1)) as steps,
            pytest.raises(TrainingError, match=r"^100 pictures in a row cannot be read .*are back\.$"),
        ):
            next(steps)

    def test_the_handler_of_dead_children_stays_as_it_was(self, pictures: Path) -> None:
        before = signal.getsignal(signal.SIGCHLD)
        with closing(batches(self.sources(pictures), range(9), range(4), workers=1)) as steps:
            next(steps)
            assert signal.getsignal(signal.SIGCHLD) == before


class TestDefaultWorkers:
    @pytest.mark.parametrize(
        ("platform", "cores", "processes", "expected"),
        [
            ("linux", 1, 1, 0), ("linux", 2, 1, 0), ("linux", 4, 1, 3), ("linux", 64, 1, 4),
            ("linux", 8, 4, 0), ("linux", 16, 4, 3), ("win32", 16, 1, 0), ("darwin", 10, 1, 0),
        ],
    )  # fmt: skip
    def test_suit_the_machine(
        self,
        monkeypatch: pytest.MonkeyPatch,
        platform: str,
        cores: int,
        processes: int,
        expected: int,
    ) -> None:
        affinity: Callable[[int], set[int]] = lambda _: set(range(cores))  # noqa: E731
        monkeypatch.setattr(os, "sched_getaffinity", affinity, raising=False)
        monkeypatch.setattr("sys.platform", platform)
        monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
        assert default_workers() == expected
