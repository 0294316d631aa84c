"""Documents in other languages, in four scripts, each from a grammar of four columns."""

from collections.abc import Sequence

import numpy as np

from pipeline.world.books import Rng, Writer

# subject, verb, object, place: any combination is a sentence; the first languages have different scripts, for small worlds
LANGUAGES: dict[str, tuple[Sequence[str], ...]] = {
    "german": (
        ("Der alte Müller", "Die junge Bäckerin", "Unser Nachbar", "Ein müder Wanderer", "Die Königin", "Mein Bruder"),
        ("sieht", "verkauft", "sucht", "findet", "bringt", "vergisst"),
        ("das kleine Haus", "den roten Mantel", "die schöne Brücke", "einen großen Korb", "das frische Brot", "den Schlüssel"),
        ("hinter dem Wald", "am Ufer des Flusses", "neben der Kirche", "in der Stadt", "über den Hügeln", "vor der Tür"),
    ),
    "russian": (
        ("Старый мельник", "Молодая хозяйка", "Наш сосед", "Усталый путник", "Королева", "Мой брат"),
        ("видит", "продаёт", "ищет", "находит", "приносит", "забывает"),
        ("маленький дом", "красное пальто", "красивый мост", "большую корзину", "свежий хлеб", "ключ"),
        ("за лесом", "на берегу реки", "возле церкви", "в городе", "за холмами", "перед дверью"),
    ),
    "french": (
        ("Le vieux meunier", "La jeune boulangère", "Notre voisin", "Un voyageur fatigué", "La reine", "Mon frère"),
        ("regarde", "vend", "cherche", "trouve", "apporte", "oublie"),
        ("la petite maison", "le manteau rouge", "le beau pont", "un grand panier", "le pain frais", "la clé"),
        ("derrière la forêt", "au bord de la rivière", "près de l'église", "dans la ville", "sur les collines", "devant la porte"),
    ),
    "chinese": (
        ("老磨坊主", "年轻的面包师", "我们的邻居", "一个疲倦的旅人", "女王", "我的哥哥"),
        ("在树林后面", "在河边", "在教堂旁边", "在城里", "在山上", "在门前"),
        ("看见了", "卖掉了", "寻找", "找到了", "带来了", "忘记了"),
        ("那座小房子", "红色的大衣", "美丽的桥", "一个大篮子", "新鲜的面包", "那把钥匙"),
    ),
    "spanish": (
        ("El viejo molinero", "La joven panadera", "Nuestro vecino", "Un viajero cansado", "La reina", "Mi hermano"),
        ("mira", "vende", "busca", "encuentra", "lleva", "olvida"),
        ("la pequeña casa", "el abrigo rojo", "el hermoso puente", "una cesta grande", "el pan fresco", "la llave"),
        ("detrás del bosque", "a la orilla del río", "cerca de la iglesia", "en la ciudad", "sobre las colinas", "ante la puerta"),
    ),
    "greek": (
        ("Ο γέρος μυλωνάς", "Η νεαρή αρτοποιός", "Ο γείτονάς μας", "Ένας κουρασμένος ταξιδιώτης", "Η βασίλισσα", "Ο αδελφός μου"),
        ("βλέπει", "πουλάει", "ψάχνει", "βρίσκει", "φέρνει", "ξεχνάει"),
        ("το μικρό σπίτι", "το κόκκινο παλτό", "την όμορφη γέφυρα", "ένα μεγάλο καλάθι", "το φρέσκο ψωμί", "το κλειδί"),
        ("πίσω από το δάσος", "στην όχθη του ποταμού", "δίπλα στην εκκλησία", "στην πόλη", "πάνω στους λόφους", "μπροστά στην πόρτα"),
    ),
    "latin": (
        ("Senex", "Regina", "Vicinus noster", "Viator fessus", "Agricola", "Frater meus"),
        ("videt", "vendit", "quaerit", "invenit", "portat", "amat"),
        ("parvam casam", "pallium rubrum", "pontem pulchrum", "magnum saccum", "panem novum", "clavem"),
        ("post silvam", "ad ripam fluminis", "prope templum", "in urbe", "trans montes", "ante portam"),
    ),
    "japanese": (
        ("年老いた粉屋は", "若いパン屋は", "隣の人は", "疲れた旅人は", "女王は", "私の兄は"),
        ("森の向こうで", "川のほとりで", "教会のそばで", "町の中で", "丘の上で", "扉の前で"),
        ("小さな家を", "赤いコートを", "美しい橋を", "大きなかごを", "焼きたてのパンを", "鍵を"),
        ("見ました", "売りました", "探しました", "見つけました", "持ってきました", "忘れました"),
    ),
}
UNSPACED = ("chinese", "japanese")


def foreign(writer: Writer, generator: np.random.Generator, number: int) -> str:
    """Paragraphs in one language, chosen by the number."""
    rng, language = Rng(generator), list(LANGUAGES)[number % len(LANGUAGES)]
    blank, stop = ("", "。") if language in UNSPACED else (" ", ".")

    def sentence() -> str:
        return blank.join(rng.choice(column) for column in LANGUAGES[language]) + stop

    return "\n\n".join(blank.join(sentence() for _ in range(rng.between((4, 8)))) for _ in range(rng.between((15, 39))))
