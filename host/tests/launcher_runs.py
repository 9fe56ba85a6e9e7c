"""Plans that reach their end, and where their output goes."""

import array
import resource
import shutil
import signal
import subprocess

import machine_code
from place import BUILD, EMULATORS, GOOD, LOST, PATIENCE, RUN_FAILED, RUN_METRICS, Skipped, check, describe
from registry import available, test, test_on_engines

# ---- good runs -------------------------------------------------------------------------------------------------------


@test_on_engines("a good plan exits with 0")
def good_plan(place, engine):
    place.plan("one -- /bin/good\ntwo repeat=2 -- /bin/good\n")
    run = place.run("--records", place.folder / "records", "--summary", place.folder / "summary", engine=engine)
    run.expect(GOOD, "^one: exited 0", "^two: exited 0", "^two #2: exited 0")
    runs = place.objects("summary")
    check([(r["id"], r["repetition"]) for r in runs] == [("one", 0), ("two", 0), ("two", 1)], f"summary: {runs}")
    records = place.objects("records")
    check(sorted(record["metric"] for record in records) == sorted(3 * RUN_METRICS), f"records: {records}")
    for record in records:
        for key in "schema", "workload", "metric", "unit", "value", "kind", "engine", "cpu", "commit", "host":
            check(record.get(key) not in (None, ""), f"no {key}: {record}")
        check(record["engine"] == engine and record["unit"] != "ticks", f"record: {record}")


@test("records of Bochs count instructions, those of QEMU are uncalibrated, or measured on KVM", needs=EMULATORS)
def kinds(place):
    seen = {}
    for engine in EMULATORS:
        run = place.run("--records", place.folder / "records", "--verbose", engine=engine).expect(GOOD)
        seen[engine] = {(record["kind"], record["unit"]) for record in place.objects("records")}
    events = ("counted", "events")
    kind = "measured" if "engine qemu: on KVM" in run.errors else "uncalibrated"  # QEMU comes last
    check(seen["bochs"] == {("counted", "instructions"), events} and seen["qemu"] == {(kind, "tsc"), events}, f"{seen}")


@test("two runs on Bochs give identical records", needs=("bochs",))
def repeatable(place):
    texts = []
    for name in "first", "second":
        place.run("--records", place.folder / name, engine="bochs").expect(GOOD)
        texts.append((place.folder / name).read_text())
    check(texts[0] == texts[1], "they differ")


@test_on_engines("a failed run exits with 1 and shows its console")
def failed_run(place, engine):
    place.add_program("bad", machine_code.FAIL)
    place.plan("bad -- /bin/bad\ncrash -- /bin/crash\nlast -- /bin/good\n")
    place.add_program("crash", machine_code.CRASH)
    run = place.run("--records", place.folder / "records", engine=engine)
    run.expect(RUN_FAILED, "^bad: exited 7", "^  \\| lost my way$", r"^crash: killed by signal 11 \(Segmentation fault\)",
               "^last: exited 0")


@test_on_engines("--verbose and --console carry the console")
def console(place, engine):
    place.add_program("bad", machine_code.FAIL)
    place.plan("bad -- /bin/bad\n")
    run = place.run("--verbose", "--console", place.folder / "console", engine=engine).expect(RUN_FAILED)
    check(run.out == "lost my way\n", f"standard output: {run.out!r}")
    check((place.folder / "console").read_text() == "lost my way\n", "the console file differs")
    check("lost my way" not in run.errors, "the console came twice")


@test("--run-id is in every record", needs=("bochs",))
def run_id(place):
    place.run("--run-id", "r 1", "--records", place.folder / "records", engine="bochs").expect(GOOD)
    check({record["run"] for record in place.objects("records")} == {"r 1"}, "it is not")


@test("auto takes the first engine that is here", needs=("bochs",))
def auto(place):
    place.run("--records", place.folder / "records").expect(GOOD)
    check(place.objects("records")[0]["engine"] == "bochs", "it did not")


@test_on_engines("images of 8 and 40 MiB arrive intact")
def large_image(place, engine):
    shutil.copy(BUILD / "host" / "tests" / "words", place.root / "bin" / "words")
    place.plan("words -- /bin/words /data\n")
    for size in 8, 40:
        count = (size << 20) // 8
        (place.root / "data").write_bytes(array.array("Q", range(count)))
        run = place.run("--verbose", "--memory", 128, engine=engine).expect(GOOD)
        check(run.out == f"{count} words\n", f"{size} MiB: {run.out!r}")


@test("a cpio archive made by cpio(1) is a root, too", needs=("bochs",))
def cpio_root(place):
    if not shutil.which("cpio"):
        raise Skipped("cpio is not installed")
    with open(place.folder / "root.cpio", "wb") as archive:
        subprocess.run(["sh", "-c", "find . | cpio --quiet -o -H newc"], cwd=place.root, stdout=archive, check=True)
    place.run("--root", place.folder / "root.cpio", engine="bochs", root=False).expect(GOOD)


@test("a program's magic breakpoint does not stop Bochs", needs=("bochs",))
def magic_break(place):
    place.add_program("magic", machine_code.MAGIC_BREAK + machine_code.EXIT_GOOD)
    place.plan("magic -- /bin/magic\n")
    place.run(engine="bochs").expect(GOOD)


@test("several instances run side by side")
def side_by_side(place):
    processes = [(engine, place.start("--records", place.folder / f"records.{engine}.{i}", engine=engine))
                 for i in range(3) for engine in EMULATORS if engine in available]
    outcomes = [(engine, *process.communicate(timeout=PATIENCE), process.returncode) for engine, process in processes]
    for engine, _, errors, status in outcomes:
        check(status == GOOD, f"{engine}: {describe(status, errors.decode())}")
    for engine in EMULATORS:
        if engine in available:
            check(all(len(place.objects(f"records.{engine}.{i}")) == len(RUN_METRICS) for i in range(3)), "records are missing")
    place.expect_nothing_left()


# ---- outputs ---------------------------------------------------------------------------------------------------------


@test("a full disk exits with 8 and one sentence", needs=("bochs",))
def full_disk(place):
    for option in "--records", "--summary":
        place.run(option, "/dev/full", engine="bochs").expect(LOST, "/dev/full cannot be written: No space left on device")
    place.add_program("bad", machine_code.FAIL)
    place.plan("bad -- /bin/bad\n")
    place.run("--console", "/dev/full", engine="bochs").expect(LOST, "/dev/full cannot be written: No space left on device")


@test("a disk that fills up keeps the records that fit, whole")
def fake_filling_disk(place):
    room, size = 8 << 20, 3000  # the limit holds for the guest's image, too

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    place.fake("bochs", f"record = ('R', dict(RECORD[1], note='x' * {size}))\n"
                        f"W(lines(BOOT, START, *[record] * {room // size}, DONE, END))\n")
    run = place.run("--records", place.folder / "records", engine="bochs", preexec=limit)
    run.expect(LOST, "records cannot be written: File too large")
    count, text = len(place.objects("records")), (place.folder / "records").read_bytes()
    check(count > room // size // 2, f"{count} records")
    check(text.endswith(b"}\n"), "the last record is cut")


@test("an output that cannot be made exits with 8 before anything is booted")
def unwritable(place):
    for option in "--records", "--summary", "--console":
        place.run(option, "/nonexistent/file").expect_refusal(LOST, "/nonexistent/file cannot be written: No such file")


@test("a reader of standard output that goes away", needs=("bochs",))
def closed_pipe(place):
    place.add_program("bad", machine_code.FAIL)
    place.plan("bad repeat=50 -- /bin/bad\n")
    process = place.start("--records", "-", engine="bochs")
    process.stdout.close()
    process.stdout = None
    place.finish(process).expect(LOST, "cannot be written: Broken pipe")
