"""params.yaml is changed for a person without losing a comment, a value or its correctness."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipeline import config, edits
from pipeline.errors import DataError, ParameterError
from pipeline.registry import FAMILIES

ROOT = Path(__file__).parents[2]
PRESETS = sorted(edits.presets(ROOT))
OF_DATA = [name for name in PRESETS if name != "gpu"]


@pytest.fixture
def project(tmp_path):
    """A copy of what is edited."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "presets", tmp_path / "presets")
    return tmp_path


def values(path: Path):
    """A YAML file's content."""
    return YAML(typ="safe").load(path)


def places(content, above=""):
    """Dotted names that an overlay sets; what it replaces whole counts as one."""
    for name, value in content.items():
        where = f"{above}{name}"
        whole = where == "train_gan.options" or edits.REPLACED.fullmatch(where)
        if isinstance(value, dict) and not whole:
            yield from places(value, f"{where}.")
        else:
            yield where


class TestPresets:
    """Overlays on params.yaml."""

    @pytest.mark.parametrize("name", PRESETS)
    def test_every_preset_gives_valid_parameters(self, project, name):
        """Merged into the demonstration, each passes every check."""
        edits.use_preset(project, name)
        config.check_everything(config.load(project / "params.yaml"))

    @pytest.mark.parametrize("name", OF_DATA)
    def test_presets_of_data_sets_name_the_same_parameters(self, name):
        """So that one replaces another whole."""
        expected = set(places(values(ROOT / "presets/phantom.yaml")))
        assert set(places(values(ROOT / f"presets/{name}.yaml"))) == expected

    def test_whatever_the_gpu_preset_sets_the_others_set_back(self):
        """It goes on top of any of them."""
        assert set(places(values(ROOT / "presets/gpu.yaml"))) <= set(
            places(values(ROOT / "presets/phantom.yaml"))
        )

    def test_the_phantom_undoes_every_other_preset(self, project):
        """After all of them, params.yaml is what it was, comments and all."""
        before = values(project / "params.yaml")
        edits.use_preset(project, "phantom")
        assert values(project / "params.yaml") == before
        comments = [
            line.partition("#")[2]
            for line in (project / "params.yaml").read_text().splitlines()
            if "#" in line
        ]
        for name in [*PRESETS, "phantom"]:
            edits.use_preset(project, name)
        text = (project / "params.yaml").read_text()
        assert values(project / "params.yaml") == before
        assert [line.partition("#")[2] for line in text.splitlines() if "#" in line] == comments
        assert "\n\nsplit:\n" in text

    def test_options_of_families_go_with_their_preset(self, project):
        """Sizes for cubes do not stay for squares; a preset on top of another leaves them."""
        edits.use_preset(project, "lidc_nodules_3d")
        options = values(project / "params.yaml")["train_gan"]["options"]
        assert set(options) == set(FAMILIES)
        edits.use_preset(project, "gpu")
        assert set(values(project / "params.yaml")["train_gan"]["options"]) == set(FAMILIES)
        changes = edits.use_preset(project, "lidc_nodules")
        assert "train_gan.options.vae: removed" in changes
        assert set(values(project / "params.yaml")["train_gan"]["options"]) < set(FAMILIES)

    def test_a_path_outside_the_project_becomes_absolute(self, project, tmp_path_factory):
        """An experiment's workspace lies elsewhere and must find it too."""
        scans = tmp_path_factory.mktemp("scans")
        edits.use_preset(project, "phantom", str(scans))
        assert values(project / "params.yaml")["ingest"]["path"] == str(scans.resolve())

    def test_a_path_inside_the_project_stays_relative(self, project):
        """Another clone has it in the same place."""
        (project / "data/raw").mkdir(parents=True)
        edits.use_preset(project, "phantom", str(project / "data/raw"))
        assert values(project / "params.yaml")["ingest"]["path"] == "data/raw"

    def test_a_missing_path_or_preset_is_said(self, project):
        """And nothing is written."""
        before = (project / "params.yaml").read_bytes()
        with pytest.raises(DataError, match="no such file"):
            edits.use_preset(project, "phantom", str(project / "nowhere"))
        with pytest.raises(DataError, match=r"choose one of .*phantom"):
            edits.use_preset(project, "phntom")
        assert (project / "params.yaml").read_bytes() == before


class TestFamilies:
    """Families and their arms change together."""

    def arms(self, project):
        """Arm -> images."""
        found = values(project / "params.yaml")["classify"]["arms"]
        return {name: arm["images"] for name, arm in found.items()}

    def test_an_arm_goes_with_its_family(self, project):
        """No arm names a family that is not trained."""
        edits.set_families(project, ["conditional"])
        assert "classical+synthetic-dcgan" not in self.arms(project)
        config.check_everything(config.load(project / "params.yaml"))

    def test_the_headline_arms_follow_the_first_family(self, project):
        """And the arm that would be their double goes."""
        edits.set_families(project, ["dcgan"])
        arms = self.arms(project)
        assert arms["classical+selected"] == arms["classical+synthetic"] == "data/synthetic/dcgan"
        assert "classical+synthetic-dcgan" not in arms

    def test_the_chart_of_images_added_keeps_what_stays(self, project):
        """Else it follows the first family; a chart without families stays without."""

        def drawn():
            return values(project / "params.yaml")["curves"]["families"]

        edits.set_families(project, ["dcgan", "conditional"])
        assert drawn() == ["conditional"]
        edits.set_families(project, ["dcgan", "style"])
        assert drawn() == ["dcgan"]
        text = (project / "params.yaml").read_text()
        (project / "params.yaml").write_text(text.replace("families: [dcgan]\n", "families: []\n"))
        edits.set_families(project, ["style"])
        assert drawn() == []

    def test_a_family_that_comes_back_gets_its_arm(self, project):
        """There and back again is where one was."""
        before = (project / "params.yaml").read_text()
        edits.set_families(project, ["conditional"])
        edits.set_families(project, ["conditional", "dcgan"])
        assert (project / "params.yaml").read_text() == before

    def test_an_unknown_family_changes_nothing(self, project):
        """The message lists the families."""
        before = (project / "params.yaml").read_bytes()
        with pytest.raises(DataError, match=r"^FAMILIES: got 'dcgn'; choose one of .*dcgan"):
            edits.set_families(project, ["dcgn"])
        with pytest.raises(DataError, match=r"^FAMILIES: none is named; name at least one$"):
            edits.set_families(project, [])
        assert (project / "params.yaml").read_bytes() == before


# By place in params.yaml: what stands there instead, or None where it is taken out; and whether
# `config.load` allows it.
ODD = {
    "train_gan": [(None, True), ({}, True), ("", False), ("x", False)],
    "train_gan.options": [(None, True), ("", False), ("x", False), (["x"], False)],
    "compare": [(None, True), ({}, True), ("", False)],
    "classify": [(None, False), ("", False)],
    "classify.arms": [(None, False), ("", False), ({"x": "foo"}, False)],
    "classify.arms.real": [({"recipe": "real"}, False), ("foo", False)],
    "curves": [(None, True), ({}, True), ("", False)],
    "synthesize": [(None, True), ({}, True), ("", False)],
    "synthesize.external": [(None, True), ("", False)],
    "ingest": [(None, False), ("", False)],
}
CASES = [(place, *case) for place, cases in ODD.items() for case in cases]


class TestOddFiles:
    """A file that is not as it should be ends in a sentence, one that may be so in a change."""

    def put(self, project, place, value):
        """Write params.yaml with something else at a place; "" leaves the key with nothing."""
        content = values(project / "params.yaml")
        *above, name = place.split(".")
        section = content
        for step in above:
            section = section[step]
        section[name] = value or ({} if value == {} else None)
        if value is None:
            del section[name]
        YAML().dump(content, project / "params.yaml")

    @pytest.mark.parametrize(("place", "value", "legal"), CASES)
    def test_families_need_no_section_that_has_defaults(self, project, place, value, legal):
        """What is empty or wrong is named, and the file stays as it was."""
        self.put(project, place, value)
        path = project / "params.yaml"
        before = path.read_bytes()
        if legal:
            edits.set_families(project, ["style"])
            changed = config.load(path)
            config.check_everything(changed)
            assert changed.train_gan.families == ("style",)
            assert "data/synthetic/style" in [arm.images for arm in changed.classify.arms.values()]
        else:
            with pytest.raises(ParameterError, match=rf"^params\.yaml: {place}"):
                edits.set_families(project, ["style"])
            assert path.read_bytes() == before

    @pytest.mark.parametrize(("place", "value"), [case[:2] for case in CASES if "gan" in case[0]])
    def test_a_preset_takes_the_place_of_what_is_empty_or_wrong(self, project, place, value):
        """Families' options of before are dropped where there are any."""
        self.put(project, place, value)
        edits.use_preset(project, "phantom")
        assert values(project / "params.yaml") == values(ROOT / "params.yaml")

    def test_a_preset_that_is_wrong_is_said(self, project):
        """With the parameter at fault, whatever stands in place of a section."""
        (project / "presets/mine.yaml").write_text("ingest: 5\n")
        with pytest.raises(ParameterError, match=r"^params\.yaml: ingest: got 5"):
            edits.use_preset(project, "mine")

    @pytest.mark.parametrize("change", [edits.set_families, edits.use_preset])
    def test_a_directory_or_nothing_in_its_place_is_said(self, project, change):
        """Neither is a file to change."""
        argument = ["dcgan"] if change is edits.set_families else "phantom"
        (project / "params.yaml").unlink()
        with pytest.raises(DataError, match=r"^params\.yaml: is missing; run from"):
            change(project, argument)
        (project / "params.yaml").mkdir()
        with pytest.raises(DataError, match=r"^params\.yaml: cannot be read \(.+\); put a file"):
            change(project, argument)

    def test_a_place_that_cannot_be_written_to_is_said(self, project):
        """What is written beside the file cannot be there."""
        (project / ".params.yaml.new").mkdir()
        with pytest.raises(DataError, match=r"^params\.yaml: cannot be written \("):
            edits.set_families(project, ["dcgan"])

    def test_outside_the_project_no_preset_is_to_be_chosen(self, project):
        """Where to go is said, not a list of nothing."""
        shutil.rmtree(project / "presets")
        with pytest.raises(DataError, match=r"^presets/: is missing or empty; run from the proj"):
            edits.use_preset(project, "phantom")
