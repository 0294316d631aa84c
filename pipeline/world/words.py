"""The words of the hundred books, each class in the order of its Zipf rank.

NOUNS, ADJECTIVES, ACTS and STIRS share no word: the grammar needs that to have one derivation a text.
"""


def _row(text: str) -> tuple[str, ...]:
    """The words between the blanks."""
    return tuple(text.split())


# who and where
PEOPLE = _row(
    """
    Ada Bo Cora Dan Eli Fay Gus Hal Ivy Jem Kit Lena Milo Nora Otto Pia Quin Rosa Sam Tess Una Vera Wim Xan Yara Zeb Abel Beth Clem Dora
    Finn Greta
    """
)
CLAIMED = _row(  # of whom the books tell nothing but claims
    "Arlo Bess Cleo Dirk Edda Falk Gesa Hilda Ivor Jarl Kasper Lotte Magda Nils Otis Petra Roald Selma Thea Udo Viggo Willa"
)
PLACES = _row(
    """
    Harrowby Elmford Stonewick Millbrook Ashdale Foxley Ravenhill Oakham Thornton Westmere Dunmoor Lindale Brackley Copperhill Seaforth
    Wynstead
    """
)

# values of the facts; all begin with a consonant sound, so that "a" is always right
ANIMALS = _row("dog cat goat hen fox pony rabbit parrot tortoise ferret hedgehog donkey goose raven lamb mouse")
COLOURS = _row("red blue green yellow brown black white grey purple pink")
TRADES = _row(
    """
    baker miller weaver potter tailor cobbler farmer fisher carpenter gardener blacksmith teacher doctor painter sailor shepherd
    """
)
EVENTS = _row("fair race dance parade regatta feast concert circus bonfire tournament carnival pageant picnic market banquet contest")
LANDS = _row("river lake forest marsh moor cliff harbour quarry vineyard waterfall meadow canal")

# the story
NOUNS = _row(
    """
    door house garden road window table lamp bridge letter basket boat wall kettle fire stone key bell book chair tree field gate mill
    box bread ladder wheel clock bucket cart cup well hill rope barn bottle blanket candle shop roof path drum map mirror tower coin
    ring cellar kitchen stove pipe bench cloth wagon fence orchard jar hat boot plate spoon knife broom hammer nail needle thread button
    pocket bag sack chest drawer shelf cupboard pillow curtain carpet sofa cradle lantern torch chimney attic stair hall porch yard
    stable pond stream spring valley mountain wood grove hedge bush flower lily daisy tulip poppy clover fern moss leaf branch root seed
    acorn apple pear plum cherry berry nut grape melon lemon onion carrot turnip cabbage bean pea corn wheat barley oat flour butter
    cheese milk honey jam cake pie soup stew sausage egg ham pepper salt sugar tea coffee cocoa wine cider juice horse cow sheep pig
    bull calf duck swan owl crow robin sparrow swallow pigeon heron eagle hawk gull salmon trout herring crab snail frog toad newt snake
    lizard beetle bee wasp moth butterfly spider ant cricket worm squirrel badger otter mole bat deer stag wolf bear king queen prince
    princess knight guard soldier captain pirate thief judge lawyer priest monk nun bishop mayor clerk merchant pedlar beggar hunter
    woodcutter mason plumber nurse barber butler maid cook servant neighbour stranger traveller guest host child boy girl baby brother
    sister mother father uncle aunt cousin grandmother grandfather widow giant dwarf fairy witch wizard ghost dragon school church
    castle palace cottage hut tent inn tavern bakery smithy workshop factory library museum theatre station street lane alley corner
    square fountain statue park playground graveyard tomb cave tunnel mine pit shore beach island bay reef wave tide anchor mast oar net
    hook raft ship canoe ferry sky sun moon star cloud rain snow frost ice hail fog mist wind storm thunder lightning rainbow shadow
    dawn paper pen pencil ink brush paint picture photograph frame poster card stamp parcel envelope newspaper story poem song tune
    whistle flute fiddle harp trumpet organ piano guitar game ball kite doll toy puzzle puppet marble swing sledge skate bicycle tram
    train engine carriage saddle bridle whip spur shoe sandal slipper sock glove scarf shawl apron dress skirt shirt jacket cloak belt
    ribbon lace collar sleeve crown necklace bracelet brooch pearl diamond ruby emerald treasure secret promise rumour riddle dream
    memory idea plan mistake question answer lesson errand journey visit message warning bargain quarrel wish prize present surprise
    breakfast supper dinner lunch holiday birthday ticket menu recipe bowl dish tray pan oven barrel crate trunk cage trap spade rake
    hoe axe drill chisel plough scythe sickle windmill dam haystack scarecrow beehive nest feather wing tail paw claw horn hoof fur café
    """
)
ADJECTIVES = _row(
    """
    old little big long quiet small new cold warm dark bright heavy empty broken tall round young soft strange wooden narrow deep high
    low wide short thin thick clean dirty dry wet smooth rough sharp blunt sweet sour bitter salty fresh stale ripe rotten raw hot cool
    icy frozen dusty muddy sandy rocky grassy leafy sunny cloudy rainy windy foggy misty stormy snowy silver golden copper iron tin
    brass glass leather velvet silken woollen cotton linen straw carved polished crooked straight curved bent twisted hollow solid loose
    tight steep flat plain fancy simple clever foolish wise brave timid shy bold gentle fierce wild tame lazy busy eager patient careful
    careless cheerful gloomy merry solemn jolly grumpy proud humble honest sly kind cruel rich poor noble common famous unknown ancient
    modern early late slow quick swift nimble clumsy sturdy weak strong frail mighty tiny huge vast enormous gigantic slender plump lean
    handsome pretty lovely ugly charming dull shiny glittering gleaming dim pale faded colourful striped spotted checkered tangled tidy
    messy neat ragged tattered torn patched cracked chipped rusty mossy thorny prickly sticky slippery crispy crunchy creamy fluffy
    woolly hairy furry feathered noisy silent loud hidden secretive forgotten borrowed stolen precious useless useful magical enchanted
    haunted royal holy distant nearby foreign familiar curious peculiar odd funny serious important ordinary naïve
    """
)
ACTS = _row(
    """
    found took carried opened saw cleaned mended painted sold bought lost hid closed washed moved pushed pulled lifted dropped held kept
    broke built made drew wanted liked loved feared missed noticed watched studied touched kicked hit threw caught chased followed led
    fed brushed combed swept scrubbed dusted wiped dried filled emptied covered uncovered wrapped unwrapped tied untied locked unlocked
    counted weighed measured cut chopped sliced peeled boiled roasted fried tasted smelled ate drank spilled poured stirred mixed
    planted watered picked gathered harvested dug buried burned lit sewed knitted folded ironed lent returned stole rescued saved freed
    trapped hunted shot described remembered forgot imagined copied read praised blamed admired envied pitied thanked greeted welcomed
    visited invited guarded protected defended attacked damaged destroyed repaired improved decorated replaced exchanged traded
    collected stacked sorted arranged hung raised lowered rolled shook squeezed pressed stretched tore scratched hammered glued fixed
    tested examined inspected searched explored discovered recognised photographed delivered fetched brought sent received accepted
    refused ordered promised demanded
    """
)
STIRS = _row(
    """
    stood lay fell slept waited shone sat rested turned swung creaked rattled trembled glowed sank rose floated drifted sailed flowed
    dripped splashed froze melted burst exploded grew bloomed withered rotted crumbled leaned tilted tumbled slid slipped bounced spun
    whirled danced hopped jumped leapt skipped ran raced hurried crept crawled climbed wandered strayed vanished appeared arrived
    departed lingered stayed remained shivered sneezed coughed snored yawned laughed giggled smiled wept cried sobbed sighed groaned
    moaned howled barked growled purred hissed squeaked chirped crowed cackled quacked bleated neighed buzzed hummed sang echoed rang
    chimed ticked clattered banged rumbled roared crackled smoked steamed sparkled twinkled flickered blazed landed settled perched
    nested
    """
)
MOVES = _row(
    """
    walked went ran rode hurried travelled wandered marched strolled drove sailed rushed climbed crept raced galloped limped trudged
    rowed skipped
    """
)
MANNERS = _row(
    """
    quietly slowly quickly carefully gladly soon suddenly often never once almost always proudly kindly gently softly loudly bravely
    boldly calmly sadly happily cheerfully merrily eagerly patiently silently secretly openly politely rudely wisely foolishly cleverly
    neatly badly nearly barely hardly simply finally clumsily lazily busily nervously anxiously gracefully stubbornly thoughtfully
    hastily promptly tenderly warmly coldly firmly roughly smoothly skilfully honestly sincerely seriously playfully joyfully gratefully
    generously greedily jealously curiously cautiously accidentally
    """
)
INTROS = (
    "As everyone knows,", "They say that", "To this day", "It is true that", "Remember that", "As before,", "You know that",
    "These days",
)  # fmt: skip
SPOTS = (
    "beside",
    "near",
    "behind",
    "under",
    "above",
    "between the hill and",
    "in front of",
    "beyond",
    "around",
    "across from",
    "against",
    "inside",
)
MOODS = _row(
    """
    happy tired sad glad angry hungry thirsty sleepy worried afraid lonely calm hopeful excited nervous jealous grateful ashamed bored
    amused puzzled relieved content homesick restless thankful delighted astonished disappointed ill
    """
)
TIMES = (
    "In the morning",
    "That night",
    "At noon",
    "In the evening",
    "The next day",
    "After a while",
    "Before long",
    "One day",
    "At midnight",
    "In winter",
    "In summer",
    "In autumn",
    "On Monday",
    "On Sunday",
    "On Friday",
    "After dinner",
    "Long ago",
    "A week later",
    "That afternoon",
    "In May",
    "In October",
    "On the last day of the year",
    "At sunrise",
    "At sunset",
    "Years later",
    "An hour later",
)
WEATHERS = _row("raining snowing hailing freezing thawing thundering drizzling pouring storming clearing")
SEASONS = _row("spring summer autumn winter")
DAYS = _row("day morning evening night afternoon week month year hour moment")
SAYS = _row("said asked whispered answered shouted replied called muttered cried explained laughed begged sighed")
REMARKS = (
    "Good morning",
    "Of course",
    "With pleasure",
    "Thank you",
    "Please come in",
    "I am sorry",
    "Never mind",
    "What a day",
    "Not at all",
    "How dull",
    "Do not worry",
    "I do not know",
    "You are welcome",
    "That is right",
    "That is wrong",
    "Tell me more",
    "Who knows",
    "Be careful",
    "Nobody told me",
    "It is nothing",
    "Good night",
    "Let us go home",
    "I will answer gladly",
    "Do you not know",
    "What a silly question",
)
NUMBERS = _row("two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty")

# title pages
FIRST_NAMES = _row(
    """
    Edith Arthur Clara Edmund Harriet Walter Agnes Hugh Louisa Ralph Maud Stephen Winifred Philip Josephine Alfred Beatrice Laurence
    Cecily Theodore
    """
)
LAST_NAMES = _row(
    """
    Marlow Pemberton Ashworth Calloway Thackery Winslow Fairfax Penrose Hawthorne Lockhart Merriweather Sinclair Tremaine Whitlock
    Bellamy Carrow Drayton Everett Goodwin Hollis Kingsley Langdon Norwood Osgood Prescott Ramsey Sheridan Underhill Vance Yardley
    """
)
