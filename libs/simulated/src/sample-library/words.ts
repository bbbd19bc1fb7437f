import type { Random } from '../random.ts';

export type Language = 'ENG' | 'FRE' | 'GER' | 'LAT' | 'ITA' | 'SPA';

interface Tongue {
  words: readonly string[];
  /** How this language's printers head a plate, with how often. */
  platePrefixes: readonly string[];
  figurePrefix: string;
  contents: string;
  explanation: string;
  map: string;
}

const split = (text: string): string[] => text.split(' ');

export const tongues: Record<Language, Tongue> = {
  ENG: {
    words: split(
      'the of and a in to is with upon this species which are found near stem leaves oblong smooth petals yellow white dark beneath above wing feathers back breast tail long short slender broad shell whorls aperture lip outer margin spotted banded brown colour native of southern forests marsh shores river seldom observed by collectors in the month of April June flowering abundant specimen figured from nature plate drawn author described genus allied differs chiefly by its more numerous larger smaller parts together forming surface somewhat rough towards base having been sent us from gardens where it has flourished many years without protection',
    ),
    platePrefixes: ['Plate', 'Plate', 'Pl.'],
    figurePrefix: 'Fig.',
    contents: 'Contents',
    explanation: 'Explanation of the Plate',
    map: 'Map of the',
  },
  FRE: {
    words: split(
      "le la les des une dans sur avec cette espèce qui se trouve près du rivage feuilles oblongues tige lisse pétales jaunes blanches coquille allongée spire bouche lèvre extérieure bord tacheté brun couleur habite les mers du Sud forêts marais rivière rarement observée par les voyageurs au mois de juin fleurit abondante individu figuré d'après nature auteur décrit genre voisine diffère surtout par ses parties plus nombreuses plus grandes réunies surface un peu rude vers la base nageoires dorsale écailles dos ventre argenté longueur totale",
    ),
    platePrefixes: ['Planche', 'Pl.', 'Pl.'],
    figurePrefix: 'Fig.',
    contents: 'Table des matières',
    explanation: 'Explication de la planche',
    map: 'Carte des',
  },
  GER: {
    words: split(
      'der die das und mit auf dieser Art welche sich in den Wäldern findet Blätter länglich Stengel glatt Blüten gelb weiss Flügel dunkel gebändert gefleckt braun Hut Stiel Lamellen gedrängt Fleisch riecht schwach unter Laub im Herbst selten häufig Exemplar nach der Natur gezeichnet Verfasser beschreibt Gattung verwandt unterscheidet vorzüglich durch grössere zahlreichere Teile zusammen Oberfläche etwas rauh gegen die Basis Vorderflügel Hinterflügel Saum Raupe lebt auf Weiden Mai Juni fliegt bei Tage Männchen Weibchen kleiner',
    ),
    platePrefixes: ['Taf.', 'Tafel', 'Taf.'],
    figurePrefix: 'Fig.',
    contents: 'Inhalt',
    explanation: 'Erklärung der Tafel',
    map: 'Karte der',
  },
  LAT: {
    words: split(
      'et in cum foliis oblongis caule laevi floribus luteis albis habitat in silvis paludibus ad ripas fluminum species haec genus differt a praecedente radice fibrosa semina parva nigra petala quinque stamina decem calyx herba perennis flore purpureo descriptio auctor vidit figura ad vivum expressa tabula virtutes huius plantae calidae siccae succus contra venena datur apud antiquos nomen habet quod in montibus nascitur mense maio floret folia habet similia sed minora hirsuta superne viridia inferne',
    ),
    platePrefixes: ['Tab.', 'Tabula', 'Tab.'],
    figurePrefix: 'Fig.',
    contents: 'Index',
    explanation: 'Explicatio tabulae',
    map: 'Tabula',
  },
  ITA: {
    words: split(
      'il la le dei una nel con questa specie che si trova presso foglie oblunghe fusto liscio petali gialli bianchi conchiglia bocca labbro margine macchiato bruno colore abita i mari boschi paludi fiume raramente osservata dai raccoglitori nel mese di giugno fiorisce abbondante esemplare figurato dal vero autore descrive genere affine differisce soprattutto per le parti più numerose riunite superficie alquanto ruvida verso la base',
    ),
    platePrefixes: ['Tav.', 'Tav.', 'Tavola'],
    figurePrefix: 'Fig.',
    contents: 'Indice',
    explanation: 'Spiegazione della tavola',
    map: 'Carta della',
  },
  SPA: {
    words: split(
      'el la los las una en con esta especie que se halla cerca de hojas oblongas tallo liso pétalos amarillos blancos concha boca labio margen manchado pardo color habita los mares bosques pantanos río rara vez observada por los viajeros en el mes de junio florece abundante ejemplar figurado del natural autor describe género afín difiere sobre todo por sus partes más numerosas reunidas superficie algo áspera hacia la base',
    ),
    platePrefixes: ['Lám.', 'Lám.', 'Lámina'],
    figurePrefix: 'Fig.',
    contents: 'Índice',
    explanation: 'Explicación de la lámina',
    map: 'Mapa de',
  },
};

const genusStarts = split(
  'Mela Cyno Hemi Chryso Lepto Macro Rhodo Eupho Poly Phyllo Tetra Acro Calo Stero Dendro Cera Ortho Xantho Ptero Helio',
);
const genusEnds = split('nthus ptera glossa stoma carpus lepis dium myia phora cera nia tis phyllum rhynchus desma');
const epithets = split(
  'elegans vulgaris speciosa minor major pulchella ornata maculata fasciata virens aurea rubra nitida gracilis robusta montana palustris orientalis australis insignis punctata lineata splendens grandiflora tricolor pallida variegata spectabilis',
);

export function latinName(random: Random): string {
  return `${random.pick(genusStarts)}${random.pick(genusEnds)} ${random.pick(epithets)}`;
}

export function roman(number: number): string {
  const digits: readonly (readonly [number, string])[] = [
    [100, 'C'],
    [90, 'XC'],
    [50, 'L'],
    [40, 'XL'],
    [10, 'X'],
    [9, 'IX'],
    [5, 'V'],
    [4, 'IV'],
    [1, 'I'],
  ];
  let left = number;
  let text = '';
  for (const [value, letter] of digits)
    while (left >= value) {
      text += letter;
      left -= value;
    }
  return text;
}
