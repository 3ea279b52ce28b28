"""Class names: counted always, shown only where they are words of medicine or numbers.

Folders and columns that are taken for classes may be patients. Nobody can tell `Nevus` from
`Nemec` by its form, so that a name outside of the vocabulary is shown when it is asked for only.
To have more names shown: a word in `_WORDS`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

MOST = 30
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
_ILL = re.compile(r"malign|cancer|carcinoma|positive|\bpos\b|diseased?$|abnormal|tumou?r|yes|true")


@dataclass(frozen=True)
class Classes:
    """The classes that were found.

    Args:
        counts: Images, or what stands for them, by class name.
        told_by: `folders`, `table` or what else.
        published: Whether the names are those of a published set, and so nobody's.
    """

    counts: Counter[str]
    told_by: str
    published: bool = False

    @property
    def names(self) -> list[str]:
        """In the order in which ingest puts them."""
        return sorted(self.counts)

    def may_show(self, *, all_names: bool = False) -> bool:
        """Whether names may be shown: asked for, published, or words."""
        return all_names or self.published or are_words(self.names)

    def shown(self, *, all_names: bool = False) -> str:
        """Names, or numbers instead of them, each with its count."""
        plain = self.may_show(all_names=all_names)
        parts = [
            f"{name if plain else f'class {number}'} {self.counts[name]}"
            for number, name in enumerate(self.names, 1)
        ]
        hint = "" if plain else "; names withheld, as they may be patients' (--show-classes)"
        listed = ", ".join(parts[:MOST]) + (", ..." if len(parts) > MOST else "")
        return f"{len(parts)} by {self.told_by}: {listed}{hint}"

    def positive(self, *, all_names: bool = False) -> str | None:
        """The class that sounds like the one to detect, of two; None if neither or both do."""
        if len(self.counts) != 2 or not self.may_show(all_names=all_names):
            return None
        ill = [name for name in self.names if _ILL.search(name.lower())]
        return ill[0] if len(ill) == 1 else None


def are_words(names: Iterable[str]) -> bool:
    """Whether every name consists of the vocabulary's words and of numbers below 100."""
    return all(map(_is_word, names))


def _is_word(name: str) -> bool:
    parts = re.findall(r"[^\W\d_]+|\d+", name.lower())
    return bool(parts) and all(
        part in _WORDS or (part.isascii() and part.isdigit() and len(part) <= 2) for part in parts
    )
