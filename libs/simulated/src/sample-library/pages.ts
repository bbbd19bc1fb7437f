import type { Random } from '../random.ts';
import type { Book, PageKind, Subject } from './books.ts';
import { css, dip, hsl, lightnessOf, mix, type Rgb, white } from './colour.ts';
import { ellipse, lerp, type Point, pathOf, polar, round, smooth, tendril } from './geometry.ts';
import { Sheet, type Technique } from './press.ts';
import { drawBird } from './subjects/bird.ts';
import { drawButterflies } from './subjects/butterfly.ts';
import { drawFishes } from './subjects/fish.ts';
import { type Box, drawPlant, drawSprig } from './subjects/plant.ts';
import { drawShells } from './subjects/shell.ts';
import { drawBeetles, drawEggs, drawMushrooms, drawScene, drawSeaweed, drawSkull } from './subjects/smaller-things.ts';
import { penPath, setLine, type TypeStyle, textElement, textWidth } from './typeface.ts';
import { latinName, roman, tongues } from './words.ts';

export interface PageToDraw {
  book: Book;
  kind: PageKind;
  width: number;
  height: number;
  /** Number printed on the page, or of its plate. */
  number: number;
  rightHand: boolean;
}

/** A print on white, ready for the paper. */
export interface Print {
  svg: string;
  /** How unevenly the ink lies, 0 to 1. */
  wear: number;
  /** Where a halftone screen breaks the greys into dots. */
  screened: Box[];
  /** Cloth and marbled paper cover the sheet, so nothing of a page's gutter or age shows. */
  covered: boolean;
}

/** Sets one page of a book; the same random stream gives the same page. */
export function setPage(page: PageToDraw, random: Random): Print {
  switch (page.kind) {
    case 'coloured_plate':
      return plate(page, random, 'coloured');
    case 'pale_coloured_plate':
      return plate(page, random, 'pale');
    case 'line_engraving':
      return plate(page, random, 'engraving');
    case 'tinted_engraving':
      return plate(
        page,
        random,
        'engraving',
        random.pick([hsl(24, 0.6, 0.36), hsl(150, 0.35, 0.28), hsl(8, 0.55, 0.38), hsl(215, 0.4, 0.34)]),
      );
    case 'pale_lithograph':
      return plate(page, random, 'crayon');
    case 'halftone':
      return halftonePlate(page, random);
    case 'map':
      return map(page, random, false);
    case 'coloured_map':
      return map(page, random, true);
    case 'table':
      return table(page, random);
    case 'coloured_chart':
      return chart(page, random);
    case 'cover':
      return cover(page, random);
    case 'endpaper':
      return endpaper(page, random);
    case 'title_page':
      return titlePage(page, random);
    case 'blank':
      return blank(page, random);
    case 'text_figure':
      return textPage(page, random, 'figure');
    case 'coloured_vignette':
      return textPage(page, random, 'vignette');
    case 'plate_explanation':
      return textPage(page, random, 'explanation');
    default:
      return textPage(page, random, 'plain');
  }
}

function draw(subject: Subject, sheet: Sheet, random: Random, box: Box): Point[] {
  switch (subject) {
    case 'plant':
      drawPlant(sheet, random, box);
      return [];
    case 'bird':
      drawBird(sheet, random, box);
      return [];
    case 'butterfly':
      return drawButterflies(sheet, random, box);
    case 'shell':
      return drawShells(sheet, random, box);
    case 'fish':
      return drawFishes(sheet, random, box);
    case 'mushroom':
      drawMushrooms(sheet, random, box);
      return [];
    case 'beetle':
      return drawBeetles(sheet, random, box);
    case 'egg':
      return drawEggs(sheet, random, box);
    case 'seaweed':
      drawSeaweed(sheet, random, box);
      return [];
    case 'scene':
      drawScene(sheet, random, box);
      return [];
    case 'skull':
      drawSkull(sheet, random, box);
      return [];
  }
}

function newSheet(book: Book, technique: Technique, random: Random, ink?: Rgb): Sheet {
  const { press } = book;
  return new Sheet(
    {
      ...press,
      technique,
      ink: ink ?? press.ink,
      washStrength: technique === 'pale' ? press.washStrength * 0.42 : press.washStrength * random.range(0.93, 1),
      misregister: [press.misregister[0] + random.normal() * 0.3, press.misregister[1] + random.normal() * 0.3],
    },
    random.fork('hand'),
  );
}

function plate(page: PageToDraw, random: Random, technique: Technique, ink?: Rgb): Print {
  const { book, width, height } = page;
  const sheet = newSheet(book, technique, random, ink);
  const colour = ink ?? book.textInk;
  const margin = width * random.range(0.085, 0.115);
  const top = height * 0.075;
  const bottom = height * 0.9;
  const frame: Box = { x: margin, y: top, width: width - margin * 2, height: bottom - top };
  const engraved = technique !== 'pale' && technique !== 'crayon';
  if (engraved && !book.framed) {
    // The copper's edge, pressed into the damp sheet.
    const edge = margin * 0.55;
    sheet.raw(
      `<rect x="${round(edge)}" y="${round(top * 0.55)}" width="${round(width - edge * 2)}" height="${round(height * 0.94 - top * 0.55)}" fill="none" stroke="#000" stroke-opacity=".09" stroke-width="1.6" rx="3"/>`,
    );
  }
  if (book.framed) {
    sheet.raw(
      `<rect x="${round(frame.x - 6)}" y="${round(frame.y - 4)}" width="${round(frame.width + 12)}" height="${round(frame.height + 8)}" fill="${technique === 'coloured' && book.backdrop ? css(book.backdrop) : 'none'}" stroke="${css(mix(colour, white, 0.25))}" stroke-width=".9"/>`,
    );
  }
  if (technique === 'crayon') {
    const tint = mix(book.press.ink, white, 0.82);
    sheet.raw(
      `<rect x="${round(frame.x - 3)}" y="${round(frame.y - 1)}" width="${round(frame.width + 6)}" height="${round(frame.height + 2)}" fill="${css(tint)}"/>`,
    );
  }
  const subject = random.pick(
    technique === 'coloured' || technique === 'pale' ? book.subjects : (book.lineSubjects ?? book.subjects),
  );
  const inner: Box = { x: frame.x + 4, y: frame.y + 10, width: frame.width - 8, height: frame.height - 20 };
  const numbers = composed(subject, sheet, random, inner);
  const small: TypeStyle = { size: 9.5, weight: 0.09 };
  numbers.forEach((at, index) => {
    sheet.raw(
      textElement(
        book.romanPlates ? `${index + 1}` : `${index + 1}.`,
        { x: at[0], y: Math.min(at[1], bottom - 2), anchor: 'middle' },
        small,
        colour,
      ),
    );
  });
  caption(page, random, sheet, colour, bottom);
  return {
    svg: sheet.svg(width, height),
    wear: technique === 'crayon' ? 0.85 : technique === 'pale' ? 0.75 : 0.5,
    screened: [],
    covered: false,
  };
}

/** Puts the subject on the plate as its kind asks: a tall plant fills the sheet, skulls and scenes come two or three over one another. */
function composed(subject: Subject, sheet: Sheet, random: Random, box: Box): Point[] {
  if (subject === 'skull') {
    const count = random.int(2, 3);
    const numbers: Point[] = [];
    for (let at = 0; at < count; at++) {
      const cell: Box = {
        x: box.x + box.width * 0.06,
        y: box.y + (box.height * at) / count,
        width: box.width * 0.88,
        height: box.height / count,
      };
      draw('skull', sheet, random, cell);
      numbers.push([box.x + box.width * 0.5, cell.y + cell.height * 0.95]);
    }
    return numbers;
  }
  if (subject === 'scene') {
    const high = box.height * random.range(0.5, 0.72);
    draw('scene', sheet, random, {
      x: box.x + 2,
      y: box.y + (box.height - high) * 0.4,
      width: box.width - 4,
      height: high,
    });
    return [];
  }
  const room = random.range(0.88, 0.96);
  const inside: Box = {
    x: box.x + (box.width * (1 - room)) / 2,
    y: box.y + (box.height * (1 - room)) / 2,
    width: box.width * room,
    height: box.height * room,
  };
  let numbers: Point[] = [];
  const moved = sheet.fit(inside, 1.5, () => {
    numbers = draw(subject, sheet, random, box);
  });
  return numbers.map(moved);
}

function caption(page: PageToDraw, random: Random, sheet: Sheet, colour: Rgb, bottom: number): void {
  const { book, width, height } = page;
  const tongue = tongues[book.language];
  const number = book.romanPlates ? roman(page.number) : String(page.number);
  const prefix = tongue.platePrefixes[0]!;
  const head = book.year < 1800 ? `N. ${number}` : `${prefix} ${number}.`;
  sheet.raw(
    textElement(
      head,
      { x: width * 0.9, y: height * 0.055, anchor: 'end' },
      { size: 13, slant: book.romanPlates ? 0 : 0.25, track: 0.03 },
      colour,
    ),
  );
  const credit: TypeStyle = { size: 7.2, slant: 0.25, weight: 0.085 };
  const artist = random.pick(['Nash', 'Elder', 'Prévost', 'Kuhn', 'Ward', 'Lamy']);
  sheet.raw(textElement(`${artist} del.`, { x: width * 0.1, y: bottom + 12 }, credit, colour));
  sheet.raw(
    textElement(
      random.pick(['Sansom sculp.', 'lith. et imp.', 'Duval sc.', 'Hall & Son lith.']),
      { x: width * 0.9, y: bottom + 12, anchor: 'end' },
      credit,
      colour,
    ),
  );
  sheet.raw(
    textElement(
      latinName(random),
      { x: width / 2, y: bottom + 29, anchor: 'middle' },
      {
        size: random.range(14, 16.5),
        slant: book.romanPlates ? 0 : 0.26,
        weight: 0.095,
        track: book.romanPlates ? 0.04 : 0.01,
      },
      colour,
    ),
  );
}

function halftonePlate(page: PageToDraw, random: Random): Print {
  const { book, width, height } = page;
  const sheet = newSheet(book, 'halftone', random);
  const count = random.pick([1, 1, 2]);
  const screened: Box[] = [];
  const margin = width * 0.12;
  for (let at = 0; at < count; at++) {
    const cell = (height * 0.8) / count;
    const box: Box = {
      x: Math.round(margin),
      y: Math.round(height * 0.075 + at * cell),
      width: Math.round(width - margin * 2),
      height: Math.round(cell * (count === 1 ? random.range(0.62, 0.9) : 0.82)),
    };
    photograph(sheet, random, box, random.pick(book.lineSubjects ?? book.subjects));
    screened.push(box);
    sheet.raw(
      textElement(
        `${latinName(random)}. ${random.pick(['Half natural size.', 'From life.', 'Photographed in May.'])}`,
        { x: width / 2, y: box.y + box.height + 15, anchor: 'middle' },
        { size: 9.6, slant: 0.2 },
        book.textInk,
      ),
    );
  }
  return { svg: sheet.svg(width, height), wear: 0.25, screened, covered: false };
}

function photograph(sheet: Sheet, random: Random, box: Box, subject: Subject): void {
  const { x, y, width, height } = box;
  if (subject === 'scene') {
    drawScene(sheet, random, box);
    return;
  }
  const clip = `photo${x}_${y}`;
  const light = random.pick([0.1, 0.16, 0.24, 0.62, 0.86, 0.92]);
  sheet.raw(
    `<clipPath id="${clip}"><rect x="${x}" y="${y}" width="${width}" height="${height}"/></clipPath><g clip-path="url(#${clip})">`,
  );
  sheet.shape(
    [
      [x, y],
      [x + width, y],
      [x + width, y + height],
      [x, y + height],
    ],
    { colour: hsl(0, 0, light), exact: true, depth: 0.5, light: random.range(0, 6.28), outline: 0 },
  );
  // What is out of focus behind the subject.
  for (let blot = 0; blot < 16; blot++) {
    const centre: Point = [random.range(x, x + width), random.range(y, y + height)];
    const grey = hsl(0, 0, Math.min(0.95, Math.max(0.08, light + random.normal() * 0.09)));
    sheet.raw(
      `<ellipse cx="${round(centre[0])}" cy="${round(centre[1])}" rx="${round(random.range(12, 60))}" ry="${round(random.range(9, 38))}" fill="${css(grey)}" fill-opacity=".4"/>`,
    );
  }
  composed(subject, sheet, random, {
    x: x + width * 0.05,
    y: y + height * 0.04,
    width: width * 0.9,
    height: height * 0.92,
  });
  sheet.raw('</g>');
}

type Setting = 'plain' | 'figure' | 'vignette' | 'explanation';

function textPage(page: PageToDraw, random: Random, setting: Setting): Print {
  const { book, width, height } = page;
  const tongue = tongues[book.language];
  const screened: Box[] = [];
  const left = width * (page.rightHand ? 0.135 : 0.115);
  const type: Box = { x: left, y: height * 0.085, width: width * 0.75, height: height * 0.82 };
  const leading = book.textSize * 1.3;
  const technique: Technique =
    setting === 'vignette' ? 'coloured' : book.year > 1900 && random.chance(0.5) ? 'halftone' : 'engraving';
  const sheet = newSheet(
    book,
    technique,
    random,
    technique === 'engraving' ? mix(book.press.ink, [20, 18, 16], 0.5) : undefined,
  );
  const style: TypeStyle = { size: book.textSize, weight: 0.098 };
  const headline: TypeStyle = { size: book.textSize * 0.92, track: 0.08, weight: 0.09 };
  const running = page.rightHand ? (book.titleLines.at(-1) ?? '') : book.titleLines[0]!;
  sheet.raw(
    textElement(running.toUpperCase(), { x: width / 2, y: type.y - leading, anchor: 'middle' }, headline, book.textInk),
  );
  sheet.raw(
    textElement(
      String(page.number),
      {
        x: page.rightHand ? type.x + type.width : type.x,
        y: type.y - leading,
        anchor: page.rightHand ? 'end' : 'start',
      },
      { size: book.textSize },
      book.textInk,
    ),
  );
  let y = type.y + leading * 0.4;
  let limit = type.y + type.height;
  if (setting === 'explanation') {
    sheet.raw(
      textElement(
        `${tongue.explanation} ${book.romanPlates ? roman(page.number) : page.number}.`,
        { x: width / 2, y: y + leading, anchor: 'middle' },
        { size: book.textSize * 1.35, track: 0.03 },
        book.textInk,
      ),
    );
    y += leading * 3.2;
    const figures = random.int(7, 13);
    for (let figure = 1; figure <= figures && y < limit - leading * 3; figure++) {
      sheet.raw(
        textElement(`${tongue.figurePrefix} ${figure}.`, { x: type.x, y }, { ...style, slant: 0.22 }, book.textInk),
      );
      y =
        paragraph(sheet, random, page, style, {
          x: type.x + type.width * 0.14,
          y,
          width: type.width * 0.86,
          height: leading * random.int(1, 3),
        }) +
        leading * 0.4;
    }
    limit = Math.min(limit, y + leading * random.int(0, 6));
  }
  let gap: Box | undefined;
  if (setting === 'figure' || setting === 'vignette') {
    const share = setting === 'vignette' ? random.range(0.2, 0.3) : random.range(0.25, 0.48);
    const high = type.height * share;
    const top = setting === 'vignette' ? y : y + (type.height - high) * random.pick([0, 0.3, 0.55, 0.9]);
    gap = { x: type.x + type.width * 0.08, y: top, width: type.width * 0.84, height: high };
  }
  if (!gap && setting === 'plain' && random.chance(0.22)) {
    y += leading * 2;
    sheet.raw(
      textElement(
        `${random.pick(['CHAP.', 'CAP.', 'GEN.'])} ${roman(random.int(1, 28))}.`,
        { x: width / 2, y, anchor: 'middle' },
        { size: book.textSize * 1.5, track: 0.08 },
        book.textInk,
      ),
    );
    y += leading * 2;
  }
  const short = setting === 'plain' && random.chance(0.1);
  if (short) limit = type.y + type.height * random.range(0.3, 0.7);
  const columns = book.textSize < 10.5 && book.aspect < 1.51 && setting === 'plain' && random.chance(0.4) ? 2 : 1;
  const columnWidth = columns === 2 ? type.width * 0.48 : type.width;
  for (let column = 0; column < columns; column++) {
    let at = y;
    while (at < limit) {
      if (gap && at + leading > gap.y && at < gap.y + gap.height + leading * 2) {
        at = gap.y + gap.height + leading * 2.4;
        continue;
      }
      const until = gap && at < gap.y ? gap.y - leading * 0.5 : limit;
      const lines = Math.min(random.int(5, 14), Math.max(1, Math.floor((until - at) / leading)));
      if (random.chance(0.2) && at + leading * 4 < until && setting === 'plain') {
        at += leading * 0.6;
        sheet.raw(
          textElement(
            latinName(random).toUpperCase(),
            { x: type.x + columnWidth / 2 + column * type.width * 0.52, y: at, anchor: 'middle' },
            { ...style, track: 0.05 },
            book.textInk,
          ),
        );
        at += leading * 1.4;
      }
      at = paragraph(
        sheet,
        random,
        page,
        style,
        { x: type.x + column * type.width * 0.52, y: at, width: columnWidth, height: leading * lines },
        true,
      );
    }
  }
  if (gap) {
    const subject = random.pick(setting === 'vignette' ? book.subjects : (book.lineSubjects ?? book.subjects));
    const figure: Box = { x: gap.x, y: gap.y, width: gap.width, height: gap.height };
    if (technique === 'halftone') {
      const box: Box = {
        x: Math.round(gap.x),
        y: Math.round(gap.y),
        width: Math.round(gap.width),
        height: Math.round(gap.height * 0.97),
      };
      photograph(sheet, random, box, subject);
      screened.push(box);
    } else if (setting === 'vignette') {
      const side = Math.min(gap.width, gap.height);
      const box: Box = { x: width / 2 - side * 0.6, y: gap.y, width: side * 1.2, height: side };
      if (subject === 'plant') sheet.fit(box, 1.4, () => drawSprig(sheet, random, box));
      else composed(subject, sheet, random, box);
    } else composed(subject, sheet, random, figure);
    sheet.raw(
      textElement(
        `${tongue.figurePrefix} ${page.number}. — ${latinName(random)}.`,
        { x: width / 2, y: gap.y + gap.height + leading, anchor: 'middle' },
        { size: book.textSize * 0.88, slant: 0.15 },
        book.textInk,
      ),
    );
  }
  return { svg: sheet.svg(width, height), wear: 0.55, screened, covered: false };
}

/** Sets justified lines into the box; returns the baseline after the last. */
function paragraph(
  sheet: Sheet,
  random: Random,
  page: PageToDraw,
  style: TypeStyle,
  box: Box,
  indented = false,
): number {
  const { book } = page;
  const { words } = tongues[book.language];
  const leading = style.size * 1.3;
  const space = style.size * 0.27;
  const lines = Math.max(1, Math.round(box.height / leading));
  let d = '';
  let y = box.y;
  let opening = true;
  for (let line = 0; line < lines; line++) {
    const start = box.x + (indented && line === 0 ? style.size * 1.5 : 0);
    const room = box.x + box.width - start;
    const last = line === lines - 1;
    const target = last ? room * random.range(0.25, 0.95) : room;
    const set: string[] = [];
    let used = 0;
    while (true) {
      let word = random.pick(words);
      if (opening || random.chance(0.05)) word = word[0]!.toUpperCase() + word.slice(1);
      opening = false;
      if (random.chance(0.09)) {
        word += random.pick(['.', ',', ',', ';']);
        opening = word.endsWith('.');
      }
      const wide = textWidth(word, style);
      if (used + wide + space * set.length > target) break;
      set.push(word);
      used += wide;
    }
    if (last && set.length > 0) set[set.length - 1] = `${set.at(-1)!.replace(/[.,;]$/, '')}.`;
    const gap = last || set.length < 2 ? space : Math.min((room - used) / (set.length - 1), space * 3.2);
    let x = start;
    for (const word of set) {
      d += setLine(word, x, y, style);
      x += textWidth(word, style) + gap;
    }
    y += leading;
  }
  sheet.raw(penPath(d, style, book.textInk));
  return y;
}

function titlePage(page: PageToDraw, random: Random): Print {
  const { book, width, height } = page;
  const sheet = newSheet(book, 'engraving', random);
  let y = height * 0.15;
  book.titleLines.forEach((line, index) => {
    const text = index === 0 ? line.toUpperCase() : line;
    const wanted = index === 0 ? 34 : index === 1 ? 22 : 15;
    const size = Math.min(wanted, (wanted * width * 0.78) / textWidth(text, { size: wanted, track: 0.04 }));
    // Old title pages set their first line in red.
    const colour = index === 0 && book.year < 1810 ? hsl(8, 0.62, 0.4) : book.textInk;
    sheet.raw(
      textElement(
        text,
        { x: width / 2, y, anchor: 'middle' },
        { size, track: 0.04, slant: index === 2 ? 0.22 : 0, weight: 0.105 },
        colour,
      ),
    );
    y += size * 1.2 + 11;
  });
  y += 6;
  sheet.raw(textElement(book.author, { x: width / 2, y, anchor: 'middle' }, { size: 13.5, slant: 0.2 }, book.textInk));
  y += 22;
  sheet.raw(`<path d="M${width * 0.32} ${y}H${width * 0.68}" stroke="${css(book.textInk)}" stroke-width=".9"/>`);
  const room = height * 0.83 - y - 24;
  const side = Math.min(room, width * 0.5);
  if (side > 70)
    composed(random.pick(book.lineSubjects ?? book.subjects), sheet, random, {
      x: width / 2 - side / 2,
      y: y + 14,
      width: side,
      height: side,
    });
  sheet.raw(
    textElement(
      book.publication,
      { x: width / 2, y: height * 0.875, anchor: 'middle' },
      { size: 12, track: 0.02 },
      book.textInk,
    ),
  );
  sheet.raw(
    textElement(
      roman1000(book.year),
      { x: width / 2, y: height * 0.91, anchor: 'middle' },
      { size: 12, track: 0.08 },
      book.textInk,
    ),
  );
  return { svg: sheet.svg(width, height), wear: 0.5, screened: [], covered: false };
}

function roman1000(year: number): string {
  const hundreds = Math.floor((year % 1000) / 100);
  return `M${['', 'C', 'CC', 'CCC', 'CD', 'D', 'DC', 'DCC', 'DCCC', 'CM'][hundreds]}${roman(year % 100)}`;
}

function blank(page: PageToDraw, random: Random): Print {
  const { book, width, height } = page;
  const sheet = newSheet(book, 'engraving', random);
  if (random.chance(0.35)) {
    const brown = mix(book.textInk, [110, 80, 50], 0.4);
    sheet.raw(
      textElement(
        random.pick(['Ex libris', 'No. 412', 'J. B. 1871', 'Library']),
        { x: width * random.range(0.2, 0.6), y: height * random.range(0.08, 0.2) },
        { size: 15, slant: 0.4, weight: 0.07 },
        brown,
      ),
    );
  }
  if (random.chance(0.25))
    sheet.raw(
      `<ellipse cx="${width * 0.5}" cy="${height * 0.4}" rx="46" ry="30" fill="none" stroke="${css(hsl(250, 0.25, 0.5))}" stroke-width="2" stroke-opacity=".6"/>${textElement('MUSEUM LIBRARY', { x: width * 0.5, y: height * 0.4 + 3, anchor: 'middle' }, { size: 8.5 }, hsl(250, 0.25, 0.5))}`,
    );
  return { svg: sheet.svg(width, height), wear: 0.7, screened: [], covered: false };
}

function map(page: PageToDraw, random: Random, coloured: boolean): Print {
  const { book, width, height } = page;
  const sheet = newSheet(book, coloured ? 'coloured' : 'engraving', random);
  const ink = book.press.ink;
  const left = width * 0.07;
  const top = height * 0.06;
  const right = width * 0.93;
  const bottom = height * 0.94;
  const clip = `<clipPath id="chart"><rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}"/></clipPath>`;
  sheet.raw(`${clip}<g clip-path="url(#chart)">`);
  if (coloured && random.chance(0.5))
    sheet.raw(
      `<rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}" fill="${css(hsl(198, 0.3, 0.86))}"/>`,
    );
  const centre: Point = [width * random.range(0.4, 0.6), height * random.range(0.42, 0.58)];
  const knots: Point[] = [];
  const count = 46;
  const phases = [random.range(0, 6), random.range(0, 6), random.range(0, 6)];
  for (let at = 0; at < count; at++) {
    const turn = (at / count) * Math.PI * 2;
    const reach =
      1 +
      0.22 * Math.sin(turn * 2 + phases[0]!) +
      0.14 * Math.sin(turn * 3 + phases[1]!) +
      0.09 * Math.sin(turn * 7 + phases[2]!) +
      random.normal() * 0.05;
    knots.push([centre[0] + Math.cos(turn) * width * 0.33 * reach, centre[1] + Math.sin(turn) * height * 0.33 * reach]);
  }
  const coast = smooth(knots, true, 3);
  for (const [distance, weight] of [
    [9, 0.35],
    [6, 0.5],
    [3, 0.7],
  ] as const)
    sheet.raw(
      `<path d="${pathOf(coast, true)}" fill="none" stroke="${css(coloured ? hsl(200, 0.35, 0.55) : ink)}" stroke-opacity="${weight * 0.5}" stroke-width="${distance * 2}" stroke-dasharray=".5 1.6"/>`,
    );
  sheet.raw(
    `<path d="${pathOf(coast, true)}" fill="#fff" stroke="${css(ink)}" stroke-width="1.1"/><clipPath id="land"><path d="${pathOf(coast, true)}"/></clipPath><g clip-path="url(#land)">`,
  );
  const towns: Point[] = Array.from({ length: 9 }, () =>
    polar(centre, random.range(0, 6.28), Math.sqrt(random.next()) * width * 0.3),
  );
  if (coloured) {
    const washes = random.shuffle([
      hsl(48, 0.65, 0.74),
      hsl(350, 0.45, 0.8),
      hsl(110, 0.32, 0.74),
      hsl(28, 0.6, 0.76),
      hsl(265, 0.25, 0.8),
      hsl(175, 0.3, 0.76),
    ]);
    const edged = random.chance(0.5);
    const seats = Array.from({ length: random.int(7, 12) }, () =>
      polar(centre, random.range(0, 6.28), Math.sqrt(random.next()) * width * 0.42),
    );
    for (const [index, seat] of seats.entries()) {
      const area = pathOf(province(seat, seats, { x: left, y: top, width: right - left, height: bottom - top }), true);
      const wash = css(dip(random, washes[index % washes.length]!, 5));
      sheet.raw(
        edged
          ? `<path d="${area}" fill="${wash}" fill-opacity=".3" stroke="${wash}" stroke-opacity=".75" stroke-width="7"/>`
          : `<path d="${area}" fill="${wash}"/>`,
      );
      sheet.raw(
        `<path d="${area}" fill="none" stroke="${css(ink)}" stroke-width=".8" stroke-dasharray="3 1.5 .6 1.5"/>`,
      );
    }
  }
  let rivers = '';
  for (let river = 0; river < 9; river++) {
    const mouth = coast[Math.floor(random.next() * coast.length)]!;
    const course = smooth(
      tendril(
        random,
        mouth,
        Math.atan2(centre[1] - mouth[1], centre[0] - mouth[0]) + random.normal() * 0.4,
        width * random.range(0.12, 0.3),
        random.normal() * 0.9,
        8,
      ),
      false,
      4,
    );
    rivers += pathOf(course, false);
    for (let branch = 0; branch < 2; branch++)
      rivers += pathOf(
        smooth(
          tendril(random, course[random.int(8, course.length - 4)]!, random.range(0, 6.28), width * 0.08, 0.6, 5),
          false,
          3,
        ),
        false,
      );
  }
  sheet.strokes(rivers, { width: 0.9, colour: coloured ? hsl(205, 0.4, 0.4) : undefined });
  for (let range = 0; range < 3; range++) {
    const ridge = smooth(
      tendril(
        random,
        polar(centre, random.range(0, 6.28), width * 0.18),
        random.range(0, 6.28),
        width * 0.34,
        random.normal(),
        8,
      ),
      false,
      5,
    );
    let hachures = '';
    for (const point of ridge)
      for (const side of [-1, 1])
        for (let stroke = 0; stroke < 3; stroke++)
          hachures += pathOf(
            [
              polar(point, random.range(0, 6.28), 2),
              polar(point, side * 1.2 + random.normal() * 0.5, random.range(5, 11)),
            ],
            false,
          );
    sheet.strokes(hachures, { width: 0.55, colour: coloured ? hsl(25, 0.35, 0.36) : undefined });
  }
  sheet.raw('</g>');
  for (const town of towns) {
    sheet.dots([town], 1.5, coloured ? hsl(5, 0.5, 0.4) : ink);
    sheet.raw(
      textElement(
        placeName(random),
        { x: town[0] + 4, y: town[1] + 2.5 },
        { size: random.pick([7.4, 8.2, 10]), slant: random.pick([0, 0.22]) },
        ink,
      ),
    );
  }
  sheet.raw('</g>');
  let graticule = '';
  for (let line = 1; line < 5; line++) {
    graticule += `M${lerp(left, right, line / 5)} ${top}Q${lerp(left, right, line / 5) + (line - 2.5) * 4} ${height / 2} ${lerp(left, right, line / 5)} ${bottom}`;
    graticule += `M${left} ${lerp(top, bottom, line / 5)}Q${width / 2} ${lerp(top, bottom, line / 5) + 7} ${right} ${lerp(top, bottom, line / 5)}`;
  }
  sheet.strokes(graticule, { width: 0.5, opacity: 0.6 });
  sheet.raw(
    `<rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}" fill="none" stroke="${css(ink)}" stroke-width="1"/><rect x="${left - 5}" y="${top - 5}" width="${right - left + 10}" height="${bottom - top + 10}" fill="none" stroke="${css(ink)}" stroke-width="1"/><rect x="${left - 2.5}" y="${top - 2.5}" width="${right - left + 5}" height="${bottom - top + 5}" fill="none" stroke="${css(ink)}" stroke-width="4" stroke-dasharray="14 14"/>`,
  );
  const cartouche = random.chance(0.5) ? { x: left + 62, y: top + 34 } : { x: right - 66, y: bottom - 34 };
  sheet.raw(
    `<ellipse cx="${cartouche.x + 12}" cy="${cartouche.y}" rx="66" ry="26" fill="#fff" stroke="${css(ink)}" stroke-width=".9"/>`,
  );
  sheet.raw(
    textElement(
      tongues[book.language].map.toUpperCase(),
      { x: cartouche.x + 12, y: cartouche.y - 3, anchor: 'middle' },
      { size: 10, track: 0.06 },
      ink,
    ),
  );
  sheet.raw(
    textElement(
      placeName(random).toUpperCase(),
      { x: cartouche.x + 12, y: cartouche.y + 13, anchor: 'middle' },
      { size: 13, track: 0.1 },
      ink,
    ),
  );
  return { svg: sheet.svg(width, height), wear: 0.5, screened: [], covered: false };
}

/** The part of `box` nearer to `seat` than to any other: its province's bounds (a Voronoi cell, cut half-plane by half-plane). */
function province(seat: Point, seats: readonly Point[], box: Box): Point[] {
  let area: Point[] = [
    [box.x, box.y],
    [box.x + box.width, box.y],
    [box.x + box.width, box.y + box.height],
    [box.x, box.y + box.height],
  ];
  for (const other of seats) {
    if (other === seat) continue;
    const middle: Point = [(seat[0] + other[0]) / 2, (seat[1] + other[1]) / 2];
    const side = ([x, y]: Point) => (x - middle[0]) * (other[0] - seat[0]) + (y - middle[1]) * (other[1] - seat[1]);
    const kept: Point[] = [];
    area.forEach((point, at) => {
      const next = area[(at + 1) % area.length]!;
      const [here, there] = [side(point), side(next)];
      if (here <= 0) kept.push(point);
      if (here <= 0 !== there <= 0) {
        const t = here / (here - there);
        kept.push([lerp(point[0], next[0], t), lerp(point[1], next[1], t)]);
      }
    });
    area = kept;
  }
  return area;
}

function placeName(random: Random): string {
  const name = `${random.pick(['Bel', 'Tor', 'San', 'Wes', 'Gran', 'Mor', 'Hal', 'Cal', 'Vil'])}${random.pick(['ton', 'mar', 'ford', 'dine', 'gues', 'lac', 'burg', 'anza'])}`;
  return random.chance(0.2) ? `Pt. ${name}` : name;
}

function table(page: PageToDraw, random: Random): Print {
  const { book, width, height } = page;
  const sheet = newSheet(book, 'engraving', random);
  const ink = book.textInk;
  const left = width * 0.11;
  const right = width * 0.89;
  sheet.raw(
    textElement(
      `TABLE ${roman(random.int(1, 24))}.`,
      { x: width / 2, y: height * 0.085, anchor: 'middle' },
      { size: 12, track: 0.08 },
      ink,
    ),
  );
  sheet.raw(
    textElement(
      latinName(random),
      { x: width / 2, y: height * 0.112, anchor: 'middle' },
      { size: 10, slant: 0.22 },
      ink,
    ),
  );
  const columns = random.int(4, 7);
  const first = left + (right - left) * 0.34;
  const style: TypeStyle = { size: 9 };
  const top = height * 0.14;
  const rows = random.int(26, 40);
  const step = Math.min(14, (height * 0.78) / rows);
  let d = '';
  for (let row = 0; row < rows; row++) {
    const y = top + 30 + row * step;
    d += setLine(latinName(random).slice(0, 22), left + 2, y, style);
    for (let column = 0; column < columns; column++) {
      const number = random.chance(0.12)
        ? '—'
        : (random.next() * 10 ** random.int(1, 3)).toFixed(random.chance(0.5) ? 1 : 0);
      d += setLine(number, lerp(first, right, (column + 0.92) / columns) - textWidth(number, style), y, style);
    }
  }
  sheet.raw(penPath(d, style, ink));
  const foot = top + 36 + (rows - 1) * step + 4;
  let rules = `M${left} ${top}H${right}M${left} ${top + 2.5}H${right}M${left} ${top + 17}H${right}M${left} ${foot}H${right}`;
  for (let column = 0; column < columns; column++)
    rules += `M${lerp(first, right, column / columns)} ${top + 2}V${foot}`;
  sheet.raw(`<path d="${rules}" stroke="${css(ink)}" stroke-width=".8" fill="none"/>`);
  for (let column = 0; column < columns; column++)
    sheet.raw(
      textElement(
        random.pick(['No.', 'Mm.', 'Lbs.', 'Per ct.', 'Days', 'Max.', 'Min.']),
        { x: lerp(first, right, (column + 0.5) / columns), y: top + 13, anchor: 'middle' },
        { size: 8.4 },
        ink,
      ),
    );
  return { svg: sheet.svg(width, height), wear: 0.45, screened: [], covered: false };
}

function chart(page: PageToDraw, random: Random): Print {
  const { book, width, height } = page;
  const sheet = newSheet(book, 'coloured', random);
  const ink = book.textInk;
  const left = width * 0.12;
  const right = width * 0.88;
  const top = height * 0.14;
  const bottom = height * 0.8;
  const colours = random.shuffle([
    hsl(5, 0.55, 0.6),
    hsl(45, 0.65, 0.66),
    hsl(210, 0.4, 0.6),
    hsl(120, 0.3, 0.58),
    hsl(30, 0.5, 0.62),
    hsl(285, 0.25, 0.65),
  ]);
  sheet.raw(
    textElement(
      random.pick(['DIAGRAM OF RAINFALL', 'SECTION OF THE STRATA', 'YIELD PER ACRE']),
      { x: width / 2, y: height * 0.09, anchor: 'middle' },
      { size: 13, track: 0.06 },
      ink,
    ),
  );
  if (random.chance(0.5)) {
    // Each bed is drawn down to the foot of the section, so the deeper ones come after and lie over it.
    for (let bed = 0; bed < 6; bed++) {
      const crest = top + 30 + ((bottom - top - 40) / 6) * (bed + random.range(0.1, 0.6));
      const line = smooth(
        Array.from(
          { length: 7 },
          (_, at): Point => [lerp(left, right, at / 6), crest + Math.sin(at * 0.9 + 1) * 24 + random.normal() * 4],
        ),
        false,
        4,
      );
      sheet.shape([...line, [right, bottom], [left, bottom]], {
        colour: colours[bed]!,
        exact: true,
        depth: 0.1,
        hatchAngle: bed * 0.7,
        outline: 0.9,
      });
    }
  } else {
    const bars = random.int(7, 12);
    for (let bar = 0; bar < bars; bar++) {
      const x = lerp(left + 10, right, bar / bars);
      const high = (bottom - top) * random.range(0.15, 0.95);
      const wide = ((right - left) / bars) * 0.62;
      sheet.shape(
        [
          [x, bottom - high],
          [x + wide, bottom - high],
          [x + wide, bottom],
          [x, bottom],
        ],
        { colour: colours[bar % 3]!, exact: true, depth: 0.05, hatched: bar % 2 === 0 },
      );
      sheet.raw(
        textElement(String(1890 + bar), { x: x + wide / 2, y: bottom + 12, anchor: 'middle' }, { size: 7.4 }, ink),
      );
    }
  }
  sheet.raw(`<path d="M${left} ${top}V${bottom}H${right}" stroke="${css(ink)}" stroke-width="1.2" fill="none"/>`);
  sheet.raw(
    textElement(
      `Fig. ${page.number}. — ${latinName(random)}`,
      { x: width / 2, y: height * 0.88, anchor: 'middle' },
      { size: 11, slant: 0.2 },
      ink,
    ),
  );
  return { svg: sheet.svg(width, height), wear: 0.5, screened: [], covered: false };
}

function cover(page: PageToDraw, random: Random): Print {
  const { book, width, height } = page;
  const gold: Rgb = lightnessOf(book.cover) > 0.5 ? hsl(24, 0.5, 0.2) : mix(hsl(44, 0.6, 0.62), white, 0.1);
  const front = page.number === 1;
  const sheet = newSheet(book, 'engraving', random, gold);
  const cloth = dip(random, book.cover, 3);
  let weave = '';
  for (let y = 0; y < height; y += 2.2) weave += `M0 ${round(y)}H${width}`;
  for (let x = 0; x < width; x += 2.2) weave += `M${round(x)} 0V${height}`;
  const under = new Sheet({ ...sheet.press }, random);
  under.raw(
    `<rect width="${width}" height="${height}" fill="${css(cloth)}"/><path d="${weave}" stroke="${css(mix(cloth, white, 0.3))}" stroke-width=".5" stroke-opacity=".4"/>`,
  );
  const spine = page.rightHand ? 0 : width - 16;
  under.raw(
    `<rect x="${spine}" width="16" height="${height}" fill="#000" fill-opacity=".22"/><path d="M${page.rightHand ? 22 : width - 22} 0V${height}" stroke="#000" stroke-opacity=".25" stroke-width="2"/>`,
  );
  for (let scuff = 0; scuff < 14; scuff++) {
    const corner: Point = [
      random.pick([random.range(0, 20), width - random.range(0, 20)]),
      random.pick([random.range(0, 16), height - random.range(0, 16)]),
    ];
    under.raw(
      `<ellipse cx="${round(corner[0])}" cy="${round(corner[1])}" rx="${round(random.range(2, 9))}" ry="${round(random.range(1, 4))}" fill="${css(mix(cloth, [200, 180, 150], 0.5))}" fill-opacity=".5"/>`,
    );
  }
  const style = `fill="none" stroke="${css(front ? gold : mix(cloth, [0, 0, 0], 0.35))}"`;
  under.raw(
    `<rect x="34" y="28" width="${width - 62}" height="${height - 56}" ${style} stroke-width="2.2"/><rect x="40" y="34" width="${width - 74}" height="${height - 68}" ${style} stroke-width=".9"/>`,
  );
  if (front) {
    const line = book.titleLines[0]!.toUpperCase();
    const wanted = 32;
    const size = Math.min(wanted, (wanted * width * 0.66) / textWidth(line, { size: wanted, track: 0.05 }));
    under.raw(
      textElement(
        line,
        { x: width / 2 + 4, y: height * 0.2, anchor: 'middle' },
        { size, track: 0.05, weight: 0.12 },
        gold,
      ),
    );
    if (book.titleLines[1])
      under.raw(
        textElement(
          book.titleLines[1],
          { x: width / 2 + 4, y: height * 0.2 + size + 8, anchor: 'middle' },
          { size: Math.min(17, size * 0.6), weight: 0.11 },
          gold,
        ),
      );
    // The blocked emblem is gilt through and through: shapes of white would show the paper under the cloth.
    const emblem = new GiltSheet(
      { ...sheet.press, technique: 'crayon', ink: mix(gold, cloth, 0.25) },
      random.fork('emblem'),
      gold,
      cloth,
    );
    composed(random.pick(book.subjects), emblem, random, {
      x: width * 0.26,
      y: height * 0.36,
      width: width * 0.5,
      height: height * 0.42,
    });
    under.raw(emblem.group());
  }
  return { svg: under.svg(width, height), wear: 0.25, screened: [], covered: true };
}

/** Blocks a subject in gold leaf on cloth: two tones, gold and the cloth between. */
class GiltSheet extends Sheet {
  #gold: Rgb;
  #cloth: Rgb;
  constructor(press: Sheet['press'], random: Random, gold: Rgb, cloth: Rgb) {
    super(press, random);
    this.#gold = gold;
    this.#cloth = cloth;
  }
  override tone(colour: Rgb): Rgb {
    return mix(this.#cloth, this.#gold, 0.55 + 0.4 * (colour[0] + colour[1] + colour[2] > 330 ? 1 : 0));
  }
  override lineColour(): Rgb {
    return mix(this.#cloth, [0, 0, 0], 0.25);
  }
}

function endpaper(page: PageToDraw, random: Random): Print {
  const { book, width, height } = page;
  const sheet = newSheet(book, 'coloured', random);
  const base = mix(book.cover, [30, 24, 30], 0.3);
  const colours = [
    book.cover,
    hsl(200, 0.4, 0.5),
    hsl(8, 0.55, 0.45),
    hsl(44, 0.5, 0.65),
    hsl(40, 0.3, 0.85),
    hsl(150, 0.25, 0.4),
  ].map((colour) => dip(random, colour, 10));
  sheet.raw(`<rect width="${width}" height="${height}" fill="${css(base)}"/>`);
  for (let stone = 0; stone < 620; stone++) {
    const centre: Point = [random.range(-8, width + 8), random.range(-8, height + 8)];
    const radius = random.range(6, 27);
    const blob = ellipse(centre, radius, radius * random.range(0.5, 0.9), random.range(0, 3), 8).map(
      ([x, y]): Point => [
        x + random.normal() * radius * 0.13 + Math.sin(y / 23) * 5,
        y + random.normal() * radius * 0.13,
      ],
    );
    sheet.raw(
      `<path d="${pathOf(smooth(blob, true, 3), true)}" fill="${css(random.pick(colours))}" stroke="${css(base)}" stroke-width="1.3"/>`,
    );
  }
  return { svg: sheet.svg(width, height), wear: 0.35, screened: [], covered: true };
}
