"""Meshes to pixels: the mesh frame I_rd, masks, normals, depth (supplement Eq. 3)."""
