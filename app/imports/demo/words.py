"""Names, titles and summaries of the demo in Simplified Chinese, English and each city's language."""

from __future__ import annotations

from typing import Final

# What a merchant sells, by family of categories.
GOODS: Final = {
    "meals": {"zh-Hans": "餐饮", "en": "food", "de": "Speisen", "fi": "ruoka", "ca": "menjar"},
    "coffee": {"zh-Hans": "咖啡茶饮", "en": "coffee and tea", "de": "Kaffee und Tee", "fi": "kahvi ja tee",
               "ca": "cafè i te"},
    "shopping": {"zh-Hans": "店内商品", "en": "shopping", "de": "Einkauf", "fi": "ostokset", "ca": "compres"},
    "rooms": {"zh-Hans": "住宿", "en": "a stay", "de": "Übernachtung", "fi": "majoitus", "ca": "allotjament"},
    "care": {"zh-Hans": "美容服务", "en": "beauty care", "de": "Pflege", "fi": "hoito", "ca": "bellesa"},
}  # fmt: skip

# Made-up merchants that run places of several names: (family, names).
HOUSES: Final = {
    "hangzhou": (
        ("meals", {"zh-Hans": "湖滨小食集", "en": "Lakeside Kitchens"}),
        ("coffee", {"zh-Hans": "武林茶咖", "en": "Wulin Tea & Coffee"}),
        ("meals", {"zh-Hans": "运河人家餐饮", "en": "Canal House Dining"}),
        ("meals", {"zh-Hans": "吴山食坊", "en": "Wushan Food Hall"}),
        ("shopping", {"zh-Hans": "钱塘生活馆", "en": "Qiantang Living"}),
    ),
    "berlin": (
        ("meals", {"de": "Spreeküche", "en": "Spree Kitchens", "zh-Hans": "施普雷厨房"}),
        ("coffee", {"de": "Kiezkaffee", "en": "Kiez Coffee", "zh-Hans": "街区咖啡"}),
        ("meals", {"de": "Grüne Tafel", "en": "The Green Table", "zh-Hans": "绿色餐桌"}),
        ("meals", {"de": "Nordlicht Gastronomie", "en": "Northern Light Dining", "zh-Hans": "北光餐饮"}),
    ),
    "helsinki": (
        ("meals", {"fi": "Merikadun Keittiöt", "en": "Sea Street Kitchens", "zh-Hans": "海街厨房"}),
        ("coffee", {"fi": "Kahvila Aalto", "en": "Aalto Coffee Rooms", "zh-Hans": "浪花咖啡"}),
        ("shopping", {"fi": "Keskustan Kaupat", "en": "Centre Shops", "zh-Hans": "市中心商店"}),
        ("care", {"fi": "Pohjolan Hoitolat", "en": "Nordic Care", "zh-Hans": "北国护理"}),
    ),
    "andorra": (
        ("meals", {"ca": "Cuines de la Vall", "en": "Valley Kitchens", "zh-Hans": "山谷厨房"}),
        ("coffee", {"ca": "Cafès del Pirineu", "en": "Pyrenees Coffee", "zh-Hans": "比利牛斯咖啡"}),
        ("shopping", {"ca": "Botigues Meritxell", "en": "Meritxell Shops", "zh-Hans": "梅里切尔商店"}),
        ("rooms", {"ca": "Hotels de Neu", "en": "Snow Hotels", "zh-Hans": "雪山酒店"}),
    ),
}  # fmt: skip

# {a}, {b}: amounts with their sign; {p}: a percentage; {n}: a number; {goods}: from GOODS.
TITLES: Final = {
    "amount_off": {"zh-Hans": "{goods}满{b}减{a}", "en": "{a} off {goods} from {b}", "de": "{a} Rabatt ab {b}: {goods}",
                   "fi": "{a} alennus, kun ostat {b}: {goods}", "ca": "{a} menys a partir de {b}: {goods}"},
    "percent_off": {"zh-Hans": "{goods}减{p}%，最高{a}", "en": "{p}% off {goods}, up to {a}",
                    "de": "{p} % auf {goods}, höchstens {a}", "fi": "{goods} −{p} %, enintään {a}",
                    "ca": "{p} % en {goods}, fins a {a}"},
    "voucher": {"zh-Hans": "{a}购{b}代金券", "en": "{b} voucher for {a}", "de": "Gutschein über {b} für {a}",
                "fi": "{b} lahjakortti hintaan {a}", "ca": "Val de {b} per {a}"},
    "package": {"zh-Hans": "双人套餐 {a}（门市价{b}）", "en": "Set for two {a} instead of {b}",
                "de": "Menü für zwei {a} statt {b}", "fi": "Menu kahdelle {a} (norm. {b})",
                "ca": "Menú per a dos {a} en lloc de {b}"},
    "gift": {"zh-Hans": "到店赠小礼", "en": "A small gift with your visit", "de": "Kleines Geschenk zum Besuch",
             "fi": "Pieni lahja käynnistä", "ca": "Un petit regal amb la visita"},
    "group_deal": {"zh-Hans": "{n}人团 {a}（单买{b}）", "en": "{n} together: {a} each instead of {b}",
                   "de": "Zu {n}: je {a} statt {b}", "fi": "{n} hengen ryhmä: {a} (yksin {b})",
                   "ca": "En grup de {n}: {a} en lloc de {b}"},
    "pre_order": {"zh-Hans": "提前预订套餐 {a}", "en": "Pre-ordered set {a}", "de": "Vorbestelltes Menü {a}",
                  "fi": "Ennakkoon tilattu menu {a}", "ca": "Menú reservat {a}"},
    "delivery": {"zh-Hans": "外送满{b}减{a}", "en": "Delivery: {a} off from {b}", "de": "Lieferung: {a} Rabatt ab {b}",
                 "fi": "Kotiinkuljetus: {a} alennus, kun {b}", "ca": "A domicili: {a} menys a partir de {b}"},
    "happy_hour": {"zh-Hans": "欢乐时光减{p}%", "en": "Happy hour {p}% off", "de": "Happy Hour −{p} %",
                   "fi": "Happy hour −{p} %", "ca": "Hora feliç −{p} %"},
    "nearby": {"zh-Hans": "附近专享减{a}", "en": "Here and now: {a} off", "de": "Nur in der Nähe: {a} Rabatt",
               "fi": "Vain lähellä: {a} alennus", "ca": "Només a prop: {a} menys"},
    "hot": {"zh-Hans": "限量秒杀 {a} 抢{b}券", "en": "Flash sale: {b} voucher for {a}",
            "de": "Blitzangebot: {b}-Gutschein für {a}", "fi": "Salamatarjous: {b} lahjakortti {a}",
            "ca": "Oferta llampec: val de {b} per {a}"},
    "district": {"zh-Hans": "商圈通用满{b}减{a}", "en": "All over the district: {a} off from {b}",
                 "de": "Im ganzen Viertel: {a} Rabatt ab {b}", "fi": "Koko alueella: {a} alennus, kun {b}",
                 "ca": "A tot el barri: {a} menys a partir de {b}"},
    "pass": {"zh-Hans": "{n}次卡 {a}", "en": "Pass for {n} visits {a}", "de": "{n}er-Karte {a}",
             "fi": "{n} käynnin kortti {a}", "ca": "Abonament de {n} visites {a}"},
}  # fmt: skip

SUMMARIES: Final = {
    "plain": {"zh-Hans": "到店出示券码即可使用。", "en": "Show the code in the shop.", "de": "Code im Laden zeigen.",
              "fi": "Näytä koodi liikkeessä.", "ca": "Mostra el codi a la botiga."},
    "lunch": {"zh-Hans": "工作日午市可用，节假日除外。", "en": "Weekday lunch, not on holidays.",
              "de": "Werktags mittags, nicht an Feiertagen.", "fi": "Arkisin lounaalla, ei pyhinä.",
              "ca": "Dinars de dies feiners, no festius."},
    "happy_hour": {"zh-Hans": "周一至周五下午可用。", "en": "Weekday afternoons.", "de": "Werktags am Nachmittag.",
                   "fi": "Arki-iltapäivisin.", "ca": "Tardes de dies feiners."},
    "delivery": {"zh-Hans": "配送范围内的地址可用。", "en": "For addresses inside the delivery area.",
                 "de": "Für Adressen im Liefergebiet.", "fi": "Osoitteisiin kuljetusalueella.",
                 "ca": "Per a adreces dins la zona de repartiment."},
    "group": {"zh-Hans": "满员成团，未成团自动退款。",
              "en": "Works when the group fills up; otherwise you are paid back.",
              "de": "Gilt, wenn die Gruppe voll wird; sonst Geld zurück.",
              "fi": "Toteutuu, kun ryhmä täyttyy; muuten rahat takaisin.",
              "ca": "Val si el grup s'omple; si no, es retorna l'import."},
    "pre_order": {"zh-Hans": "请提前一天预订人数。", "en": "Tell us a day before how many you are.",
                  "de": "Bitte am Vortag die Personenzahl angeben.", "fi": "Ilmoita henkilömäärä edellisenä päivänä.",
                  "ca": "Digueu-nos quants sou el dia abans."},
    "nearby": {"zh-Hans": "需在门店附近领取。", "en": "Claim it while you are near the shop.",
               "de": "Nur in der Nähe des Ladens zu holen.", "fi": "Lunastettavissa liikkeen lähellä.",
               "ca": "Cal demanar-lo a prop de la botiga."},
    "area": {"zh-Hans": "范围内门店通用。", "en": "Good at every branch in the area.",
             "de": "In allen Filialen des Gebiets.",
             "fi": "Kaikissa alueen toimipisteissä.", "ca": "A totes les botigues de la zona."},
}  # fmt: skip

AREA_NAMES: Final = {
    "delivery": {"zh-Hans": "外送范围", "en": "Delivery area", "de": "Liefergebiet", "fi": "Kuljetusalue",
                 "ca": "Zona de repartiment"},
    "visit": {"zh-Hans": "上门服务范围", "en": "Home visits", "de": "Hausbesuche", "fi": "Kotikäynnit",
              "ca": "Visites a domicili"},
    "pickup": {"zh-Hans": "自提范围", "en": "Pick-up area", "de": "Abholgebiet", "fi": "Noutoalue",
               "ca": "Zona de recollida"},
    "territory": {"zh-Hans": "经营区域", "en": "Territory", "de": "Einzugsgebiet", "fi": "Toiminta-alue",
                  "ca": "Territori"},
}  # fmt: skip


def in_languages(texts: dict[str, str], languages: tuple[str, ...]) -> dict[str, str]:
    """The texts in those languages that are there."""
    return {language: texts[language] for language in languages if language in texts}


def money(units: int, currency: str, language: str) -> str:
    """A whole amount with the currency's sign, as the language writes it."""
    if currency == "CNY":
        return f"¥{units}"
    sign = {"EUR": "€"}.get(currency, currency)
    return f"{units} {sign}" if language in ("de", "fi", "ca") else f"{sign}{units}"
