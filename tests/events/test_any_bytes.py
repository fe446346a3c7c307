"""Whatever a file holds, reading it gives events or a LabelError and nothing else."""

import json
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playhead.errors import LabelError
from playhead.events.formats import nfl, read_events
from playhead.events.formats.mot import read_mot
from playhead.events.manifest import read_manifest

GOOD = {
    "a.events.json": b'{"schema": 1, "video": "a", "classes": ["x"], "frames": 50, "rate": "25",'
    b'"events": [{"label": "x", "start": 1.5, "end": 2, "frame": 3, "box": [1, 2, 3, 4]}]}',
    "a.csv": b"video,label,time,end,score\na.mp4,x,1.5,2.5,0.5\nb.mp4,x,0,,\n",
    "b.csv": b"video,label,frame,end\na.mp4,x,12,13\n",
    "boxes.csv": b"video,frame,x1,y1,x2,y2,view,track\na.mp4,12,1,2,3.5,4,left,3\n",
    "nfl.csv": nfl.HEADER.encode() + b"\n1,2,Endzone,1_2_Endzone.mp4,3,H1,1,2,3,4,1,Helmet,2,2\n",
    "mot.txt": b"1,2,3,4,5,6,0.5,1,1\n2,-1,3,4,5,6,0.5,1,1\n",
    "manifest.csv": b"video,labels,group,view,split,offset\na.mp4,a.csv,g,v,train,-.5\n",
    "Labels-v2.json": b'{"UrlLocal": "g", "annotations": [{"gameTime": "1 - 12:34", "label": "x",'
    b'"position": "754000", "team": "home", "visibility": "visible", "half": "1"}]}',
    "a.json": b'[{"video": "a", "num_frames": 90, "fps": 25.0, "events": [{"frame": 12,'
    b'"label": "x", "comment": "y", "score": 0.5}]}]',
    "a.srt": b"1\n00:00:01,500 --> 00:00:02,300\nx\ninstant 0.5000\n",
    "a.tsv": b"Video\tClass\tStart (s)\na.mp4\tx\t1:02,5\n",
    "boris.tsv": b"Observation id\tMedia file name\tBehavior\tBehavior type\tTime\no\ta.mp4\tx\t"
    b"START\t1.5\no\ta.mp4\tx\tSTOP\t2.5\n",
    "a.boris": b'{"behaviors_conf": {"0": {"type": "State event", "code": "x"}}, "observations": {'
    b'"o": {"file": {"1": ["a.mp4"]}, "time offset": 1, "events": [[3, "s", "x", "", ""],'
    b'[4, "s", "x", "", ""]]}}}',
    "a.eaf": b'<ANNOTATION_DOCUMENT><TIME_ORDER><TIME_SLOT TIME_SLOT_ID="a" TIME_VALUE="1"/>'
    b'</TIME_ORDER><TIER TIER_ID="t"><ALIGNABLE_ANNOTATION TIME_SLOT_REF1="a" TIME_SLOT_REF2="a">'
    b"<ANNOTATION_VALUE>x</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></TIER></ANNOTATION_DOCUMENT>",
    "code.xml": b"<file><instance><start>1</start><end>2</end><code>x</code></instance></file>",
    "cvat.xml": b'<annotations><track id="0" label="x"><box frame="3" outside="0" xtl="1" ytl="2" '
    b'xbr="3" ybr="4"/></track><image id="7"><tag label="y"/></image></annotations>',
    "cvat.json": b'[{"tags": [{"frame": 3, "label": "x"}], "tracks": [{"label": "y", "shapes": [{'
    b'"type": "rectangle", "frame": 5, "points": [1, 2, 3, 4]}]}]}]',
    "studio.json": b'[{"data": {"video": "a.mp4"}, "annotations": [{"result": [{"value": {"ranges":'
    b'[{"start": 3, "end": 9}], "timelinelabels": ["x"]}}, {"value": {"framesCount": 9, "duration"'
    b': 3, "sequence": [{"frame": 1, "enabled": true}], "labels": ["y"]}}]}]}]',
}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def read_anyway(name, data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        with suppress(LabelError):
            if name == "manifest.csv":
                read_manifest(path)
            elif name == "mot.txt":
                read_mot(path)
            else:
                read_events(path, rate=25)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_file_is_read(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(GOOD[name])
    if name == "manifest.csv":
        for file in ("a.mp4", "a.csv"):
            (tmp_path / file).touch()
        assert read_manifest(path)
    elif name == "mot.txt":
        assert read_mot(path)
    else:
        assert any(video.events for video in read_events(path, rate=25))


@pytest.mark.parametrize("name", GOOD)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(name, data):
    read_anyway(name, data)


@pytest.mark.slow
@pytest.mark.parametrize("name", GOOD)
@settings(max_examples=100)
@given(data=st.data())
def test_a_good_file_with_changed_bytes_is_read_or_refused(name, data):
    damaged = bytearray(GOOD[name])
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(damaged)))
        stop = start + data.draw(st.integers(0, 3))
        damaged[start:stop] = data.draw(st.binary(max_size=3) | st.sampled_from([b"9", b"-", b'"']))
    read_anyway(name, bytes(damaged))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in GOOD if name.endswith(("json", "boris"))])
@settings(max_examples=100)
@given(data=st.data())
def test_a_good_document_with_a_changed_value_is_read_or_refused(name, data):
    document = json.loads(GOOD[name])
    place = document[0] if isinstance(document, list) else document
    inner = [value[0] for value in place.values() if value and isinstance(value, list)]
    target = data.draw(
        st.sampled_from([place, *(item for item in inner if isinstance(item, dict))])
    )
    target[data.draw(st.sampled_from(sorted(target)))] = data.draw(VALUES)
    read_anyway(name, json.dumps(document).encode())
