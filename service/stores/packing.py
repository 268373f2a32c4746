"""Long texts of a record, packed: they are nearly the same in all, and a record is kept for days.

Deflate (RFC 1951) with a dictionary of what such texts have in common, as base85, since the store's values are text. A
spec goes from 970 bytes to 320, a report from 590 to 200.
"""

from __future__ import annotations

import base64
import binascii
import zlib

MARK = "z1:"
"""Stands before what is packed with `COMMON`; JSON never begins like that."""

COMMON = (
    b'"reconstruction""texture""gram""mean_std""gaussian_w2""sliced_wasserstein""histogram""oklab_low_frequenc'
    b'y""luminance""gatys""sum""adam""avg""zeros""vgg19""draft""fine""noise""style""webp""jpeg""tiff""high""lo'
    b'w""init_image":{"upload_id":""},"image":{"upload_id":""},"webhook":{"url":"https://","events":["job.succ'
    b'eeded","job.failed","job.canceled","job.expired"]},"timelapse":{"format":"mp4","seconds":6.0,"fps":24},"'
    b'tolerance":0.001,"start_deadline_s":{"style_id":"","custom_id":"regions":[{"content_mask":{"upload_id":"'
    b'"},"style":0,"style_mask":{"upload_id":""}}],"content_mask","image/jpeg","image/webp","image/tiff","vide'
    b'o/mp4","name": "timelapse", "key": "result.jpg"/timelapse.mp4"NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-'
    b'80GB", "NVIDIA L4", "cache": "hit", "statistics": "reused", {"index": 0, "style_id": ", "statistics": "c'
    b'omputed"}"relu1_2": 1.0, "relu2_2": 0.0, "relu3_2": 0.0, "relu3_3": "relu3_4": "relu4_3": "relu4_4": "re'
    b'lu5_2": "relu5_3": [{"pointer": "/content", "key": "/inputs/.png", "sha256": "", "width": 4032, "height"'
    b': 3024}, {"pointer": "/styles/0/image", "key": "{"pointer": "/styles/1/image", "[{"name": "result", "key'
    b'": "/jobs/01a2/attempts/1/result.png", "sha256": "", "bytes": 512, "content_type": "image/png", "width":'
    b' 512, "height": 384}]{"loss": {"before": {"total": 3.0, "content": 0.0, "style": 2.0, "tv": 0.0, "conten'
    b't_layers": {"relu4_2": 0.0, "relu1_1": 0.0}, "style_layers": {"relu1_1": 0.0, "relu2_1": 0.0, "relu3_1":'
    b' 0.0, "relu4_1": 0.0, "relu5_1": 0.0}}, "after": {"total": 3.0, "content": 0.0, "style": 2.0, "tv": 0.0,'
    b' "content_layers": {"relu4_2": 0.0, "relu1_1": 0.0}, "style_layers": {"relu1_1": 0.0, "relu2_1": 0.0, "r'
    b'elu3_1": 0.0, "relu4_1": 0.0, "relu5_1": 0.0}}}, "parts": {}, "iterations": 400, "resumed_iteration": nu'
    b'll, "timings": {"queue_s": 0.0, "fetch_s": 0.0, "paint_s": 0.0, "upload_s": 0.0}, "device": "cpu", "netw'
    b'ork": "vgg16", "weights_sha256": "", "version": "0.1.0", "cache": "miss", "styles": []}{"kind":"transfer'
    b'","content":{"upload_id":"01a2"},"styles":[{"image":{"upload_id":"01a2"},"weight":1.0,"scale":1.0}],"reg'
    b'ions":[],"ladder":false,"preset":"standard","options":{"size":512,"content_weight":1.0,"style_weight":1.'
    b'0,"tv_weight":0.0,"content_layers":{"relu4_2":1.0,"relu1_1":5.0},"style_layers":{"relu1_1":150.0,"relu2_'
    b'1":50.0,"relu3_1":4.0,"relu4_1":2.5,"relu5_1":4.0},"normalization":"mean","style_distance":"gram","prese'
    b'rve_color":"none","init":"content","seed":0,"optimizer":"lbfgs","iterations":100,"pyramid":[64,128,256],'
    b'"pooling":"max","padding":"replicate","network":"vgg16"},"output":{"format":"png","quality":95,"bits":8}'
    b',"priority":"normal","labels":{},"cache":true,"run_timeout_s":3600.0,"attempts_max":3,"retention_s":6048'
    b"00}"
)
"""The commonest last, where it is nearest. It must never change: another one needs another mark."""


def packed(text: str) -> str:
    """Pack a text."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zlib.Z_DEFAULT_STRATEGY, COMMON)
    return MARK + base64.b85encode(packer.compress(text.encode()) + packer.flush()).decode()


def unpacked(text: str) -> str:
    """Give the text; what an earlier version wrote, unpacked, is the text itself.

    Raises:
        ValueError: it is damaged.
    """
    if not text.startswith(MARK):
        return text
    try:
        opener = zlib.decompressobj(-zlib.MAX_WBITS, COMMON)
        return (opener.decompress(base64.b85decode(text.removeprefix(MARK))) + opener.flush()).decode()
    except (zlib.error, binascii.Error) as error:
        raise ValueError("what was packed can't be read") from error
