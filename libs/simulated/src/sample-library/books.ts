import { hsl, type Rgb } from './colour.ts';
import type { PaperLook } from './paper.ts';
import type { Press } from './press.ts';
import type { Language } from './words.ts';

export type Subject =
  | 'plant'
  | 'bird'
  | 'butterfly'
  | 'shell'
  | 'fish'
  | 'mushroom'
  | 'beetle'
  | 'egg'
  | 'seaweed'
  | 'scene'
  | 'skull';

/** What is on a page; truth.csv carries it as `kind`. */
export type PageKind =
  | 'coloured_plate'
  | 'pale_coloured_plate'
  | 'line_engraving'
  | 'tinted_engraving'
  | 'pale_lithograph'
  | 'halftone'
  | 'text'
  | 'plate_explanation'
  | 'text_figure'
  | 'coloured_vignette'
  | 'map'
  | 'coloured_map'
  | 'table'
  | 'coloured_chart'
  | 'blank'
  | 'cover'
  | 'endpaper'
  | 'title_page';

export interface Book {
  barCode: string;
  title: string;
  /** Title page, line by line, the first largest. */
  titleLines: readonly string[];
  author: string;
  publication: string;
  year: number;
  language: Language;
  /** Height of a page by its width. */
  aspect: number;
  paper: PaperLook;
  press: Omit<Press, 'technique'>;
  textSize: number;
  textInk: Rgb;
  romanPlates: boolean;
  framed: boolean;
  /** Colour stones print this behind the subject. */
  backdrop?: Rgb;
  cover: Rgb;
  subjects: readonly Subject[];
  /** Subjects of the uncoloured plates and figures, where they differ. */
  lineSubjects?: readonly Subject[];
  /** How many pages of each kind the body has; cover, title page and blanks come on top. */
  pages: Partial<Record<PageKind, number>>;
}

const paper = (tone: Rgb, stain: Rgb, mottle: number, foxing: number, browning: number, laid = false): PaperLook => ({
  tone,
  stain,
  mottle,
  foxing,
  browning,
  laid,
});

const rust = hsl(26, 0.48, 0.48);
const umber = hsl(32, 0.36, 0.4);

/**
 * Fifteen books that share nothing but the century: paper, press, palette, language and what they figure differ, while the
 * pages of one book look alike. The counts give about 720 pages and 450 candidates, half of them coloured plates.
 */
export const books: readonly Book[] = [
  {
    barCode: 'florsampleflowergarden',
    title: 'The Flower-Garden Unfolded; or, Ornamental Plants Cultivated in the Open Ground',
    titleLines: ['The Flower-Garden', 'unfolded', 'or, Ornamental Plants', 'cultivated in the open ground'],
    author: 'By W. Hartwell, F.L.S.',
    publication: 'London: Printed for the Author',
    year: 1796,
    language: 'ENG',
    aspect: 1.6,
    paper: paper([240, 229, 201], rust, 0.5, 0.25, 0.5, true),
    press: { ink: [62, 52, 44], lineWidth: 0.8, hatchGap: 2.6, washStrength: 0.88, misregister: [0.6, -0.4] },
    textSize: 12.4,
    textInk: [52, 42, 34],
    romanPlates: false,
    framed: false,
    cover: hsl(24, 0.4, 0.32),
    subjects: ['plant'],
    pages: {
      coloured_plate: 26,
      line_engraving: 2,
      plate_explanation: 2,
      text: 11,
      coloured_vignette: 1,
      pale_coloured_plate: 1,
    },
  },
  {
    barCode: 'florsamplebirdsbritain',
    title: 'A Popular History of the Birds of Field and Garden',
    titleLines: ['Birds', 'of field and garden', 'a popular history'],
    author: 'By the Rev. C. A. Millbrook',
    publication: 'Edinburgh: Calder & Sons',
    year: 1868,
    language: 'ENG',
    aspect: 1.48,
    paper: paper([246, 239, 220], umber, 0.3, 0.12, 0.3),
    press: { ink: [44, 38, 36], lineWidth: 0.75, hatchGap: 2.3, washStrength: 0.97, misregister: [0.3, 0.4] },
    textSize: 10.8,
    textInk: [40, 35, 30],
    romanPlates: true,
    framed: true,
    backdrop: hsl(196, 0.22, 0.88),
    cover: hsl(150, 0.45, 0.24),
    subjects: ['bird', 'bird', 'bird', 'bird', 'bird', 'egg'],
    lineSubjects: ['bird', 'scene', 'skull'],
    pages: {
      coloured_plate: 20,
      line_engraving: 4,
      text_figure: 6,
      text: 11,
      coloured_vignette: 2,
      plate_explanation: 1,
    },
  },
  {
    barCode: 'florsampleconchologie',
    title: 'Iconographie des coquilles vivantes, marines et fluviatiles',
    titleLines: ['Iconographie', 'des coquilles vivantes', 'marines et fluviatiles'],
    author: 'par L. Delorme-Vasseur',
    publication: 'Paris: Librairie du Muséum',
    year: 1843,
    language: 'FRE',
    aspect: 1.5,
    paper: paper([241, 233, 212], rust, 0.4, 0.95, 0.35),
    press: { ink: [70, 62, 56], lineWidth: 0.65, hatchGap: 2.1, washStrength: 0.82, misregister: [-0.5, 0.3] },
    textSize: 10.6,
    textInk: [48, 42, 38],
    romanPlates: false,
    framed: false,
    cover: hsl(8, 0.5, 0.3),
    subjects: ['shell'],
    pages: { coloured_plate: 22, line_engraving: 3, tinted_engraving: 3, plate_explanation: 3, text: 10, table: 1 },
  },
  {
    barCode: 'florsampleschmetterlinge',
    title: 'Die Schmetterlinge Mitteleuropas nach der Natur dargestellt',
    titleLines: ['Die Schmetterlinge', 'Mitteleuropas', 'nach der Natur dargestellt'],
    author: 'von Dr. E. Hofstätter',
    publication: 'Stuttgart: Verlag der Naturfreunde',
    year: 1876,
    language: 'GER',
    aspect: 1.42,
    paper: paper([236, 224, 190], umber, 0.45, 0.2, 0.75),
    press: { ink: [50, 42, 34], lineWidth: 0.7, hatchGap: 2.2, washStrength: 0.94, misregister: [0.2, 0.2] },
    textSize: 10.2,
    textInk: [44, 36, 28],
    romanPlates: false,
    framed: false,
    cover: hsl(212, 0.4, 0.28),
    subjects: ['butterfly'],
    pages: {
      coloured_plate: 22,
      line_engraving: 3,
      text_figure: 3,
      plate_explanation: 3,
      text: 10,
      pale_lithograph: 2,
    },
  },
  {
    barCode: 'florsamplepoissons',
    title: 'Histoire naturelle des poissons, avec les figures dessinées d’après nature',
    titleLines: ['Histoire naturelle', 'des poissons', 'avec les figures', "dessinées d'après nature"],
    author: 'par M. Bernard-Lagrange',
    publication: 'Paris: Chez les frères Aubert',
    year: 1801,
    language: 'FRE',
    aspect: 1.55,
    paper: paper([226, 208, 168], umber, 0.75, 0.5, 0.95, true),
    press: { ink: [58, 44, 34], lineWidth: 0.85, hatchGap: 2.5, washStrength: 0.9, misregister: [0.8, 0.5] },
    textSize: 12,
    textInk: [56, 42, 30],
    romanPlates: true,
    framed: true,
    cover: hsl(30, 0.45, 0.36),
    subjects: ['fish'],
    lineSubjects: ['fish', 'fish', 'skull'],
    pages: {
      coloured_plate: 14,
      line_engraving: 8,
      tinted_engraving: 5,
      plate_explanation: 2,
      text: 11,
      coloured_map: 1,
    },
  },
  {
    barCode: 'florsampleosteology',
    title: 'Outlines of Comparative Osteology, Illustrated by Engravings',
    titleLines: ['Outlines of', 'Comparative Osteology', 'illustrated by engravings'],
    author: 'By G. St. J. Arkwright, M.D.',
    publication: 'Philadelphia: Lindley & Co.',
    year: 1834,
    language: 'ENG',
    aspect: 1.58,
    paper: paper([232, 217, 184], rust, 0.85, 0.9, 0.8),
    press: { ink: [84, 52, 30], lineWidth: 0.8, hatchGap: 2.0, washStrength: 0.8, misregister: [0, 0] },
    textSize: 10.9,
    textInk: [62, 46, 34],
    romanPlates: true,
    framed: false,
    cover: hsl(20, 0.28, 0.24),
    subjects: ['skull', 'fish', 'shell'],
    pages: { line_engraving: 18, tinted_engraving: 8, text_figure: 4, text: 12, table: 2, plate_explanation: 2 },
  },
  {
    barCode: 'florsamplecameraafield',
    title: 'With Camera Afield: Studies of Wild Life from Photographs',
    titleLines: ['With Camera Afield', 'studies of wild life', 'from photographs'],
    author: 'By Ellen M. Thorne',
    publication: 'New York: Granger, Dodd & Company',
    year: 1908,
    language: 'ENG',
    aspect: 1.45,
    paper: paper([247, 245, 236], umber, 0.15, 0.03, 0.12),
    press: { ink: [28, 28, 30], lineWidth: 0.7, hatchGap: 2.2, washStrength: 0.96, misregister: [0, 0] },
    textSize: 11,
    textInk: [26, 26, 26],
    romanPlates: false,
    framed: false,
    cover: hsl(95, 0.3, 0.34),
    subjects: ['bird', 'mushroom', 'plant', 'butterfly'],
    lineSubjects: ['scene', 'bird', 'mushroom', 'plant', 'scene'],
    pages: { halftone: 22, coloured_plate: 3, text_figure: 6, text: 11, map: 1 },
  },
  {
    barCode: 'florsamplepilzbuch',
    title: 'Pilzbuch: Die essbaren und giftigen Schwämme',
    titleLines: ['Pilzbuch', 'die essbaren und giftigen', 'Schwämme'],
    author: 'von O. Brennecke, Oberlehrer',
    publication: 'Leipzig: Heinrich Vollmer',
    year: 1889,
    language: 'GER',
    aspect: 1.52,
    paper: paper([243, 231, 203], umber, 0.35, 0.3, 0.6),
    press: { ink: [46, 40, 34], lineWidth: 0.8, hatchGap: 2.2, washStrength: 0.95, misregister: [-0.4, 0.5] },
    textSize: 10.6,
    textInk: [42, 34, 28],
    romanPlates: false,
    framed: false,
    cover: hsl(36, 0.5, 0.42),
    subjects: ['mushroom'],
    pages: {
      coloured_plate: 18,
      text_figure: 9,
      line_engraving: 2,
      text: 10,
      coloured_vignette: 1,
      table: 1,
      plate_explanation: 2,
    },
  },
  {
    barCode: 'florsampleoology',
    title: 'Coloured Illustrations of the Eggs of Birds',
    titleLines: ['Coloured Illustrations', 'of the', 'Eggs of Birds'],
    author: 'By J. Fenwick Hale',
    publication: 'Newcastle: Marsden & Tait',
    year: 1853,
    language: 'ENG',
    aspect: 1.5,
    paper: paper([244, 238, 224], rust, 0.3, 0.6, 0.25),
    press: { ink: [92, 84, 76], lineWidth: 0.6, hatchGap: 2.2, washStrength: 0.85, misregister: [0.2, -0.2] },
    textSize: 11.4,
    textInk: [50, 44, 40],
    romanPlates: true,
    framed: false,
    cover: hsl(268, 0.22, 0.3),
    subjects: ['egg'],
    lineSubjects: ['bird', 'egg'],
    pages: {
      coloured_plate: 16,
      pale_coloured_plate: 4,
      line_engraving: 3,
      text_figure: 3,
      text: 12,
      plate_explanation: 2,
    },
  },
  {
    barCode: 'florsamplephycologia',
    title: 'Phycologia Marina: Figures and Descriptions of Sea-weeds',
    titleLines: ['Phycologia Marina', 'figures and descriptions', 'of sea-weeds'],
    author: 'By Miss A. Trevanion',
    publication: 'Plymouth: Rowe & Son',
    year: 1848,
    language: 'ENG',
    aspect: 1.56,
    paper: paper([239, 232, 214], rust, 0.5, 0.35, 0.4),
    press: { ink: [70, 60, 56], lineWidth: 0.6, hatchGap: 2.4, washStrength: 0.86, misregister: [0.3, 0.3] },
    textSize: 11,
    textInk: [50, 42, 38],
    romanPlates: true,
    framed: true,
    cover: hsl(185, 0.4, 0.26),
    subjects: ['seaweed', 'seaweed', 'seaweed', 'shell'],
    pages: {
      coloured_plate: 18,
      pale_coloured_plate: 3,
      line_engraving: 2,
      text: 12,
      coloured_map: 1,
      plate_explanation: 2,
    },
  },
  {
    barCode: 'florsamplebulletin',
    title: 'Bulletin of the State Agricultural Station, Volume XII',
    titleLines: ['Bulletin', 'of the', 'State Agricultural Station', 'Volume XII'],
    author: 'Edited by the Director',
    publication: 'Albany: State Printers',
    year: 1912,
    language: 'ENG',
    aspect: 1.5,
    paper: paper([238, 226, 196], umber, 0.25, 0.05, 0.85),
    press: { ink: [30, 28, 26], lineWidth: 0.8, hatchGap: 2.4, washStrength: 0.95, misregister: [0.5, 0.5] },
    textSize: 10.2,
    textInk: [34, 30, 26],
    romanPlates: true,
    framed: false,
    cover: hsl(42, 0.3, 0.62),
    subjects: ['beetle', 'butterfly'],
    lineSubjects: ['beetle', 'butterfly', 'plant', 'scene'],
    pages: {
      text_figure: 14,
      halftone: 7,
      coloured_chart: 4,
      coloured_plate: 2,
      table: 6,
      map: 2,
      coloured_map: 1,
      text: 11,
    },
  },
  {
    barCode: 'florsamplevoyage',
    title: 'Voyage autour des îles du Sud: atlas zoologique et botanique',
    titleLines: ['Voyage', 'autour des îles du Sud', 'Atlas zoologique', 'et botanique'],
    author: 'publié par ordre du Roi',
    publication: 'Paris: Imprimerie royale',
    year: 1838,
    language: 'FRE',
    aspect: 1.4,
    paper: paper([242, 234, 211], rust, 0.45, 0.4, 0.4),
    press: { ink: [54, 48, 46], lineWidth: 0.7, hatchGap: 2.2, washStrength: 0.9, misregister: [0.3, -0.3] },
    textSize: 12.2,
    textInk: [46, 40, 36],
    romanPlates: false,
    framed: true,
    cover: hsl(350, 0.4, 0.27),
    subjects: ['bird', 'fish', 'plant', 'shell', 'butterfly'],
    lineSubjects: ['scene', 'scene', 'skull', 'plant'],
    pages: {
      coloured_plate: 13,
      line_engraving: 8,
      map: 4,
      coloured_map: 5,
      coloured_chart: 2,
      text: 10,
      plate_explanation: 2,
      table: 1,
    },
  },
  {
    barCode: 'florsamplecoleoptera',
    title: 'Coleoptera Illustrata: Characters of the Genera of Beetles',
    titleLines: ['Coleoptera', 'illustrata', 'characters of the genera', 'of beetles'],
    author: 'By R. Penhallow, F.E.S.',
    publication: 'London: Bohn & Whittle',
    year: 1839,
    language: 'ENG',
    aspect: 1.6,
    paper: paper([237, 226, 196], umber, 0.55, 0.3, 0.6, true),
    press: { ink: [46, 42, 40], lineWidth: 0.65, hatchGap: 1.9, washStrength: 0.93, misregister: [-0.3, -0.4] },
    textSize: 11.2,
    textInk: [46, 38, 32],
    romanPlates: false,
    framed: false,
    cover: hsl(120, 0.25, 0.22),
    subjects: ['beetle', 'beetle', 'butterfly'],
    pages: {
      coloured_plate: 16,
      line_engraving: 5,
      tinted_engraving: 3,
      text: 11,
      text_figure: 3,
      plate_explanation: 2,
    },
  },
  {
    barCode: 'florsamplehistoriaplantarum',
    title: 'Historia Plantarum Universalis cum Iconibus ad Vivum Expressis',
    titleLines: ['Historia', 'Plantarum', 'universalis', 'cum iconibus', 'ad vivum expressis'],
    author: 'auctore I. Cassiano medico',
    publication: 'Basileae: Typis Koenigianis',
    year: 1613,
    language: 'LAT',
    aspect: 1.62,
    paper: paper([219, 200, 158], rust, 0.95, 0.75, 1, true),
    press: { ink: [44, 34, 26], lineWidth: 1.25, hatchGap: 3.3, washStrength: 0.92, misregister: [1, 0.8] },
    textSize: 13,
    textInk: [48, 36, 26],
    romanPlates: true,
    framed: false,
    cover: hsl(34, 0.34, 0.52),
    subjects: ['plant', 'mushroom'],
    pages: {
      line_engraving: 10,
      tinted_engraving: 4,
      text_figure: 12,
      coloured_plate: 3,
      text: 11,
      plate_explanation: 1,
    },
  },
  {
    barCode: 'florsampleillustrazioni',
    title: 'Illustrazioni della flora e della fauna litografate dal vero',
    titleLines: ['Illustrazioni', 'della flora e della fauna', 'litografate dal vero'],
    author: 'di G. Montalcini',
    publication: 'Firenze: Stamperia Granducale',
    year: 1861,
    language: 'ITA',
    aspect: 1.46,
    paper: paper([245, 240, 226], rust, 0.35, 0.45, 0.3),
    press: { ink: [88, 82, 78], lineWidth: 0.7, hatchGap: 2.3, washStrength: 0.72, misregister: [0.3, 0.2] },
    textSize: 10.8,
    textInk: [50, 46, 42],
    romanPlates: true,
    framed: true,
    cover: hsl(15, 0.4, 0.38),
    subjects: ['plant', 'seaweed', 'shell', 'bird', 'mushroom'],
    pages: {
      pale_coloured_plate: 12,
      coloured_plate: 3,
      pale_lithograph: 15,
      text: 11,
      plate_explanation: 2,
      coloured_chart: 1,
    },
  },
];
