"""Words of medicine, by which names of classes are told from names of patients.

Nobody can tell `Nevus` from `Nemec` by its form. To have more names taken for classes: a word in
`_WORDS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
        abnormal absent actinic adenocarcinoma adenoma age ak akiec and b bacterial bcc
        benign birads bkl blood bone brain breast cancer carcinoma case cases cell ci class
        colon control controls covid cyst cystic cysts death degree dermatofibroma df
        disease diseased dr early edema effusion false fibroadenoma fibrosis fracture
        glaucoma glioma grade haemangioma haemorrhage healthy heart hemangioma hemorrhage
        high i ich ii iii infarct infection infiltrate intermediate iv keratosis kidney
        label left lesion lesions liver low lung lymphocytes lymphoma macular malign
        malignancy malignant mass mel melanocytic melanoma meningioma metastases metastasis
        mild moderate mucus muscle naevi naevus neg negative nevi nevus no nodule nodules
        non none normal not nv oedema of opacity or pathological pathology pituitary
        pneumonia pneumothorax polyp pos positive present proliferative retinopathy right
        sarcoma scc severe skin spleen squamous stage stroke suspicious t t1 t2 tb test
        tissue train true tuberculosis tumor tumors tumour tumours type unknown unlabelled v
        val vasc vascular viral with without yes
        """,
    )
)


def are_words(names: Iterable[str]) -> bool:
    """Whether every name consists of the vocabulary's words and of numbers below 100."""
    return all(map(_is_word, names))


def _is_word(name: str) -> bool:
    parts = re.findall(r"[^\W\d_]+|\d+", name.lower())
    return bool(parts) and all(
        part in _WORDS or (part.isascii() and part.isdigit() and len(part) <= 2) for part in parts
    )
