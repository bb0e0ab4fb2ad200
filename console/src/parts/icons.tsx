// The icons: 20 by 20, drawn in the text's colour. They say nothing to a screen reader: the words beside them do.

const paths = {
  overview: 'M2.5 11h3l2.5-6 4 10 2.5-6h3',
  clients:
    'M7.5 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6M2 16.5c.4-3 2.6-4.5 5.5-4.500s5.1 1.5 5.5 4.500M13 3.800a3 3 0 0 1 0 5.500M15 12.300c1.7.6 2.7 2 3 4.2',
  topics: 'M4 3.500v10.500a1.5 1.5 0 0 0 1.5 1.500H9M4 7.500h5M12 5.500h5v4h-5zM12 13.500h5v4h-5z',
  access: 'M10 2.500l6 2.200v4.600c0 3.7-2.4 6.6-6 8.2-3.6-1.6-6-4.5-6-8.200V4.700zM7.5 9.800l1.9 1.9 3.3-3.6',
  trace: 'M3 5h9M3 10h14M3 15h6M15 3.500v3M12 13.500v3',
  try: 'M17 3L9 11M17 3l-5 14-3-6-6-3z',
  good: 'M10 17.500a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15M6.8 10.200l2.2 2.2 4.2-4.6',
  bad: 'M10 17.500a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15M10 6.500v4.500M10 13.700v.1',
  warn: 'M10 3l7.5 13.500h-15zM10 8.500v3.500M10 14.200v.1',
  light:
    'M10 13.500a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M10 1.800v1.700M10 16.500v1.700M1.8 10h1.700M16.5 10h1.700M4.2 4.200l1.2 1.200M14.6 14.600l1.2 1.200M4.2 15.800l1.2-1.200M14.6 5.400l1.2-1.2',
  dark: 'M16.5 11.800A7 7 0 0 1 8.2 3.500a7 7 0 1 0 8.3 8.3',
  auto: 'M10 17.500a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15M10 2.500v15M10 5h4.800M10 8h7M10 11h7M10 14h6',
  leave: 'M8 3H4v14h4M12.5 6.500L16 10l-3.5 3.500M16 10H8',
  twist: 'M8 6l4 4-4 4',
  back: 'M12 5l-5 5 5 5',
  forth: 'M8 5l5 5-5 5',
  pause: 'M7 4.500v11M13 4.500v11',
  play: 'M6 4l10 6-10 6z',
  close: 'M5.5 5.500l9 9M14.5 5.500l-9 9',
  save: 'M10 3v9.500M6 9l4 4 4-4M3.5 16.500h13',
  up: 'M10 16V4M5.5 8.500L10 4l4.5 4.5',
  down: 'M10 4v12M5.5 11.500L10 16l4.5-4.5',
} as const

export type IconName = keyof typeof paths

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg
      class={name === 'twist' ? 'twist' : undefined}
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      stroke-width="1.6"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={paths[name]} />
    </svg>
  )
}
