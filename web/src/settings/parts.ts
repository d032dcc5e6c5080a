/** The parts of the settings, in their order, as their addresses name them. */
export const parts = ['profile', 'topics', 'tags', 'security', 'sessions', 'tokens', 'activity', 'delete'] as const
export type Part = (typeof parts)[number]

export const isPart = (name: unknown): name is Part => (parts as readonly unknown[]).includes(name)
