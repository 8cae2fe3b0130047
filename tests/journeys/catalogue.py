"""Manifests for tests of the catalogue: some of datasets that people look for, and as many as wanted of none."""

import json

# Facts of datasets that the catalogue will have; the words are the test's own.
SOUGHT = {
    "lidc-idri": {
        "title": {"en": "LIDC-IDRI: lung image database", "zh": "肺部图像数据库联盟 LIDC"},
        "description": {"en": "Thoracic CT of 1,010 people; four readers outlined the nodules.",
                        "zh": "1010 人的胸部 CT，四名医师勾画的肺结节轮廓。"},
        "modality": ["ct"], "organ": ["lung"], "subjects": 1010, "size": 124000000000, "licence": "CC-BY-3.0",
        "source": "tcia", "locator": {"collection": "LIDC-IDRI"}},
    "nih-chest-xray14": {
        "title": {"en": "ChestX-ray14", "zh": "NIH 胸片数据集"},
        "description": {"en": "112,120 frontal views of 30,805 people with fourteen findings read out of reports.",
                        "zh": "112120 张正位胸片。"},
        "modality": ["xray"], "organ": ["chest"], "subjects": 30805},
    "mimic-cxr": {
        "title": {"en": "MIMIC-CXR"}, "description": {"en": "Chest radiographs with the reports that were written of them."},
        "access": "application", "modality": ["xray", "text"], "organ": ["lung"], "source": "physionet",
        "locator": {"project": "mimic-cxr"}},
    "cbis-ddsm": {
        "title": {"en": "CBIS-DDSM", "zh": "乳腺钼靶数据集"},
        "description": {"en": "Scanned film mammograms with masses and calcifications outlined."},
        "modality": ["mammography"], "organ": ["breast"]},
    "inbreast": {
        "title": {"en": "INbreast"}, "description": {"en": "Full-field digital breast images of 115 cases."},
        "access": "gone", "modality": ["mammography"], "organ": ["breast"]},
    "knee-mri": {
        "title": {"en": "Knee MRI"}, "description": {"en": "Not of the chest: magnetic resonance of knees."},
        "access": "account", "modality": ["mri"], "organ": ["knee"]},
    "brats": {
        "kind": "series", "title": {"en": "BraTS", "zh": "脑肿瘤分割挑战赛"}, "access": "account",
        "modality": ["mri"], "organ": ["brain"], "below": ["brats-2021", "brats-2023"]},
    "brats-2021": {
        "kind": "challenge", "title": {"en": "BraTS 2021"}, "access": "account", "year": 2021, "subjects": 1251,
        "modality": ["mri"], "organ": ["brain"], "source": "synapse", "locator": {"project": "syn25829067"}},
    "brats-2023": {
        "kind": "challenge", "title": {"en": "BraTS 2023"}, "access": "account", "year": 2023,
        "modality": ["mri"], "organ": ["brain"], "source": "synapse", "locator": {"project": "syn51156910"}},
    "adni": {
        "title": {"en": "Alzheimer's Disease Neuroimaging Initiative (ADNI)", "zh": "ADNI 阿尔茨海默病神经影像计划"},
        "description": {"en": "Brain MRI, other imaging, genetics and tables of more than 2,500 participants.",
                        "zh": "2500 多名受试者的脑部 MRI、其他影像、基因数据和研究表格。"},
        "access": "application", "needs": ["account", "approval"],
        "steps": {"en": ["account at the archive https://ida.loni.usc.edu/",
                         "apply there https://ida.loni.usc.edu/collaboration/access/appApply.jsp?project=ADNI",
                         "a committee decides"],
                  "zh": ["注册账号 https://ida.loni.usc.edu/", "提交申请", "由委员会审批"]},
        "sharing": "none", "terms": "ADNI Data Use Agreement",
        "regions": {"refused": ["CN", "HK"], "since": "2025-04", "page": "https://example.org/regions"},
        "citation": "10.1212/WNL.0b013e3181cb3e25", "modality": ["mri", "genomics", "tabular"], "organ": ["brain"],
        "related": ["eegmmidb", "mimic-cxr"],
        "alternatives": [{"url": "https://example.org/small.zip", "same": "part", "why": "twenty people"}],
        "notes": {"en": "The old link has moved.", "zh": "旧链接已迁移。"}},
}


def write_manifest(folder, name, **facts):
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {"id": name, "title": {"en": name}, "access": "open", **facts}
    path = folder / f"{name}.json"
    path.write_text(json.dumps(manifest, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return path


def write_sought(folder):
    for name, facts in SOUGHT.items():
        write_manifest(folder, name, **facts)


def write_many(folder, count):
    for i in range(count):
        write_manifest(folder, f"filler-{i:05}", title={"en": f"Filler number {i}", "zh": f"填充数据集第{i}号"},
                       description={"en": "Tables of a study that nobody looks for.", "zh": "无人查找的研究表格。"},
                       source="physionet", locator={"project": f"filler{i}"}, modality=["tabular"],
                       citation=f"10.13026/filler{i}")
